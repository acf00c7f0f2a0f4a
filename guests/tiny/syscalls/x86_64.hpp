// SPDX-License-Identifier: Apache-2.0
// What the 64-bit kernel's MSRs and segments say, for refused.cpp.
#pragma once

#include "syscalls.hpp"

namespace bulkhead::guest::syscalls {

/// Numbers of entries (`entered_by`) of role 0.
inline constexpr std::uint32_t sysenter_entry = 4;
/// Where SYSENTER would find its stack.
Word sysenter_stack(std::uint32_t role);
/// The selector of ring 3's code.
Word user_code(std::uint32_t role, bool narrow);

} // namespace bulkhead::guest::syscalls
