// SPDX-License-Identifier: Apache-2.0
// The state machine of starting and stopping a vCPU, and the registers after INIT (SDM 3A, table 10-1).
// It must not know: who asks.
#include "power.hpp"

#include "domain.hpp"
#include "entry_state.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint16_t present = 1u << 7;
constexpr std::uint16_t code_or_data = 1u << 4;
constexpr std::uint16_t code16 = 0xb | code_or_data | present;
constexpr std::uint16_t data16 = 0x3 | code_or_data | present;
constexpr std::uint16_t busy_tss = 0xb | present;
constexpr std::uint16_t ldt = 0x2 | present;
constexpr std::uint32_t real_mode_limit = 0xffff;
constexpr std::uint64_t cr0_et = 1u << 4; // always set; caches stay on, as nothing of them is emulated

/// The registers that are not in the state page are as after reset, too.
void forget_registers(Vcpu& v) {
    v.pat = pat_at_reset;
    v.tsc_aux = 0;
    v.debug_control = v.state->dr7;
    v.sleep = Sleep::awake;
    v.poll_count = 0;
    v.timers.stop_poll();
    v.offer = Offer::none;
    v.offered_vector = 0;
    v.invalid_entries = 0;
    v.touch(VcpuGroups::all);
}

} // namespace

void receive_init(Domain& d, Vcpu& v) {
    if (!v.power.initialised) {
        return;
    }
    v.power.initialised = false;
    v.power.up = false;
    v.power.reset = true;
    v.power.start = Start::none;
    d.kick(v);
}

void receive_startup(Domain& d, Vcpu& v, std::uint8_t page) {
    if (v.power.initialised) {
        return;
    }
    v.power.initialised = true;
    v.power.up = true;
    v.power.start = Start::startup;
    v.power.startup_page = page;
    d.kick(v);
}

void bring_up(Domain& d, Vcpu& v) {
    if (!v.power.up) {
        v.power.up = true;
        d.kick(v);
    }
}

void take_down(Domain& d, Vcpu& v, const char* why) {
    v.power.up = false;
    d.kick(v);
    for (std::uint32_t i = 0; i < d.config.vcpus; ++i) {
        if (d.vcpus[i].power.up) {
            return;
        }
    }
    d.end(SHUTDOWN_poweroff, why);
}

void apply_power(Domain& d, Vcpu& v) {
    Power& power = v.power;
    if (power.reset) {
        power.reset = false;
        v.mail.clear();
        v.lapic.init();
    }
    switch (power.start) {
    case Start::none:
        return;
    case Start::startup:
        set_startup_state(*v.state, power.startup_page, guest_cpuid(1, 0, d.processor.cpuid, {.vcpu = v.id}).eax);
        break;
    case Start::context:
        *v.state = power.context;
        break;
    }
    power.start = Start::none;
    forget_registers(v);
}

void set_startup_state(VcpuState& state, std::uint8_t page, std::uint32_t signature) {
    state = VcpuState{};
    state.gpr[static_cast<std::uint32_t>(Gpr::rdx)] = signature;
    state.rflags = 2;
    state.cr0 = cr0_et;
    state.dr6 = 0xffff'0ff0;
    state.dr7 = 0x400;
    state.cs = {static_cast<std::uint16_t>(page << 8), code16, real_mode_limit, std::uint64_t{page} << page_shift};
    state.ds = state.es = state.ss = state.fs = state.gs = {0, data16, real_mode_limit, 0};
    state.tr = {0, busy_tss, real_mode_limit, 0};
    state.ldtr = {0, ldt, real_mode_limit, 0};
    state.gdtr.limit = state.idtr.limit = real_mode_limit;
    state.pat = pat_at_reset;
}

} // namespace bulkhead::vcpu
