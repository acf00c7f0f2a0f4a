// SPDX-License-Identifier: Apache-2.0
// The keys that Xen's xl.cfg(5) has and this version does not take: refused by name, so that nobody believes that they
// work. It must not know: the keys that are taken.
#pragma once

#include <string_view>

namespace bulkhead::tools {

/// Why a key of xl's is refused, or empty if xl does not know it either.
std::string_view why_not_supported(std::string_view key);

} // namespace bulkhead::tools
