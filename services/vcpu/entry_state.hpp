// SPDX-License-Identifier: Apache-2.0
// The state in which a PVH guest starts (docs/misc/pvh.pandoc; public/arch-x86/hvm/start_info.h).
// It must not know: how the image got into memory.
#pragma once

#include <bulkhead/abi/vcpu.hpp>

namespace bulkhead::vcpu {

inline constexpr std::uint64_t pat_at_reset = 0x0007'0406'0007'0406;

/// 32-bit protected mode without paging, flat segments, ebx = start info; everything else as after reset.
void set_pvh_entry(VcpuState& state, GuestPhys entry, GuestPhys start_info);

} // namespace bulkhead::vcpu
