// SPDX-License-Identifier: Apache-2.0
// Device interrupts as signals.
#pragma once

#include "object/event_set.hpp"

namespace bulkhead::kernel::interrupts {

/// I/O APICs of one machine, as many pins as this kernel serves.
inline constexpr std::uint32_t max_interrupts = 256;

/// Delivers interrupt `gsi` as bit `bit` of `set`. A later bind replaces an earlier one.
[[nodiscard]] Status bind(std::uint32_t gsi, EventSet& set, std::uint32_t bit, bool level, bool active_low);
/// Lets it come again. bad_argument: not bound.
[[nodiscard]] Status acknowledge(std::uint32_t gsi);
/// It has come, and is masked: signals.
void deliver(std::uint32_t gsi);

} // namespace bulkhead::kernel::interrupts
