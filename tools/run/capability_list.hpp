// SPDX-License-Identifier: Apache-2.0
// Finds the list of capabilities in the system's log. It must not know: what a line of it means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::tools {

/// What root prints before and after the list (services/root).
inline constexpr std::string_view capabilities_begin = "capabilities begin";
inline constexpr std::string_view capabilities_end = "capabilities end";
/// How each line of the list begins.
inline constexpr std::string_view capability_word = "cap ";

/// The list's lines between the two, without the "[name] " of who printed them; sorted.
std::vector<std::string> capability_lines(std::string_view log);

} // namespace bulkhead::tools
