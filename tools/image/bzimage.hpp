// SPDX-License-Identifier: Apache-2.0
// Finds the kernel's ELF file inside a Linux bzImage (Documentation/x86/boot.rst). It must not know: what a guest is.
#pragma once

#include "base/bytes.hpp"

namespace bulkhead::tools {

bool is_bzimage(ByteView file);
/// The unpacked payload: an ELF file, and whatever follows it.
Outcome<Bytes> unpack_bzimage(ByteView file);

} // namespace bulkhead::tools
