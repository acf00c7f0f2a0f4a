// SPDX-License-Identifier: Apache-2.0
// Amounts of memory as people write them: 512M, 2G, 64K. It must not know: of what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::tools {

/// Bytes. A number alone is MiB, as in xl's memory.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// "512 MiB", "12 KiB", "7 bytes": exact.
std::string format_size(std::uint64_t bytes);

} // namespace bulkhead::tools
