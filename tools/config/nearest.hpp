// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...": the known word that is closest to what the user wrote. It must not know: what the words are.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bulkhead::tools {

/// The closest of `known`, if it is close enough to be a slip of the pen; else empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

/// ": did you mean 'x'?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

} // namespace bulkhead::tools
