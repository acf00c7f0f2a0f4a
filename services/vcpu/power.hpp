// SPDX-License-Identifier: Apache-2.0
// How a vCPU comes to run and stops: INIT and start-up interrupts (SDM 3C 11.4.4, APM 2 14.1.3), VCPUOP_initialise,
// VCPUOP_up and VCPUOP_down (public/vcpu.h). The state here belongs to the domain's lock; the registers are the vCPU's
// own thread's, which applies what was decided before it runs again. It must not know: who asks.
#pragma once

#include <cstdint>

#include <bulkhead/abi/vcpu.hpp>

namespace bulkhead::vcpu {

struct Domain;
struct Vcpu;

/// What the vCPU's thread has to do to the registers before the vCPU runs again.
enum class Start : std::uint8_t {
    none,
    startup, ///< real mode at the page that the start-up interrupt names
    context  ///< the registers that VCPUOP_initialise gave
};

struct Power {
    bool initialised{false}; ///< it has registers to run with: no second VCPUOP_initialise, no start-up interrupt
    bool up{false};          ///< it runs
    bool reset{false};       ///< INIT: local APIC and registers are as after reset, whatever `start` says then
    Start start{Start::none};
    std::uint8_t startup_page{0};

    VcpuState context{}; ///< of Start::context; the registers only

    /// Asked before every entry: one test instead of two.
    bool to_apply() const { return (static_cast<unsigned>(reset) | static_cast<unsigned>(start)) != 0; }
};

/// An INIT interrupt: the vCPU stops and waits for a start-up interrupt. One that was never started waits already.
void receive_init(Domain& d, Vcpu& v);
/// A start-up interrupt: counts only while the vCPU waits for one.
void receive_startup(Domain& d, Vcpu& v, std::uint8_t page);

/// VCPUOP_up, for a vCPU that is initialised.
void bring_up(Domain& d, Vcpu& v);
/// VCPUOP_down, or HLT with interrupts off. The last one that goes down takes the domain with it: `why`.
void take_down(Domain& d, Vcpu& v, const char* why);

/// By the vCPU's own thread, not in the guest, when there is something to apply: registers and local APIC become what
/// was decided.
void apply_power(Domain& d, Vcpu& v);

/// Real mode, as a start-up interrupt for that page leaves the CPU; everything else as after INIT.
void set_startup_state(VcpuState& state, std::uint8_t page, std::uint32_t signature);

} // namespace bulkhead::vcpu
