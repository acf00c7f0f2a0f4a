// SPDX-License-Identifier: Apache-2.0
// UUIDs of domains. It must not know: what a domain is.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead::tools {

/// 8-4-4-4-12 hexadecimal digits, the hyphens being optional.
std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text);
/// A domain without a UUID gets the same one each time it is packed: RFC 9562 version 8, made from its name.
std::array<std::uint8_t, 16> uuid_from_name(std::string_view name);

} // namespace bulkhead::tools
