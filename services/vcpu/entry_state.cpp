// SPDX-License-Identifier: Apache-2.0
// The PVH entry state.
// It must not know: how the image got into memory.
#include "entry_state.hpp"

namespace bulkhead::vcpu {

namespace {

// VcpuState's form of the access rights: type, S, P, then D/B and G.
constexpr std::uint16_t code32 = 0xb | (1u << 4) | (1u << 7) | (1u << 10) | (1u << 11);
constexpr std::uint16_t data32 = 0x3 | (1u << 4) | (1u << 7) | (1u << 10) | (1u << 11);
constexpr std::uint16_t busy_tss32 = 0xb | (1u << 7);
constexpr std::uint16_t ldt = 0x2 | (1u << 7);

constexpr std::uint32_t no_limit = 0xffff'ffff;
constexpr std::uint32_t tss_limit = 0x67;

constexpr std::uint64_t cr0_pe = 1u << 0;
constexpr std::uint64_t cr0_et = 1u << 4; // always set

} // namespace

void set_pvh_entry(VcpuState& state, GuestPhys entry, GuestPhys start_info) {
    state = VcpuState{};
    state.rip = entry.value;
    state.rflags = 2;
    state.gpr[static_cast<std::uint32_t>(Gpr::rbx)] = start_info.value;
    state.cr0 = cr0_pe | cr0_et;
    state.dr6 = 0xffff'0ff0;
    state.dr7 = 0x400;
    state.cs = {8, code32, no_limit, 0};
    state.ds = state.es = state.ss = state.fs = state.gs = {16, data32, no_limit, 0};
    state.tr = {0, busy_tss32, tss_limit, 0};
    state.ldtr = {0, ldt, 0, 0};
    state.pat = pat_at_reset;
}

} // namespace bulkhead::vcpu
