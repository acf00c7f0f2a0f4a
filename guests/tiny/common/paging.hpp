// SPDX-License-Identifier: Apache-2.0
// A window onto any guest-physical address, above the one-to-one map.
#pragma once

#include <cstdint>

namespace bulkhead::guest {

/// Where `physical` can be reached until the next call. Nothing is touched yet.
volatile std::uint8_t* window(std::uint64_t physical);

} // namespace bulkhead::guest
