// SPDX-License-Identifier: Apache-2.0
// Unpacks what a Linux bzImage's payload may be packed with. The input is hostile: output is bounded by the size that
// the caller expects. It must not know: what a bzImage is.
#pragma once

#include "base/bytes.hpp"

namespace bulkhead::tools {

/// gzip, bzip2, xz, lzma, lz4 (legacy frames) and zstd by their magic; anything else is returned as it is when it
/// begins with the ELF magic. `size` is the exact number of bytes that must come out.
Outcome<Bytes> decompress(ByteView packed, std::uint64_t size);

} // namespace bulkhead::tools
