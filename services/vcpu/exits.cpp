// SPDX-License-Identifier: Apache-2.0
// One handler per exit reason. Whatever the guest did, the outcome is a changed vCPU, an exception in it, or the end of
// the domain. It must not know: the run loop.
#include "exits.hpp"

#include "debug_control.hpp"
#include "exceptions.hpp"
#include "hypercall/call.hpp"
#include "io.hpp"
#include "mmio.hpp"
#include "msr.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t rflags_if = 1u << 9;
constexpr std::uint64_t low_half = 0xffff'ffff;

std::uint64_t& gpr(Vcpu& v, Gpr which) {
    return v.state->gpr[static_cast<std::uint32_t>(which)];
}

/// The length that the kernel tells, or what the instruction has without prefixes.
std::uint32_t length_or(const Vcpu& v, std::uint32_t plain) {
    return v.state->instruction_length != 0 ? v.state->instruction_length : plain;
}

void handle_cpuid(Domain& d, Vcpu& v) {
    const TimeScale& scale = d.clock.scale();
    const CpuidContext context{v.id, v.state->cr4, d.clock.tsc_khz(), scale.mul, scale.shift};
    const CpuidResult r = guest_cpuid(static_cast<std::uint32_t>(gpr(v, Gpr::rax)),
                                      static_cast<std::uint32_t>(gpr(v, Gpr::rcx)), d.processor.cpuid, context);
    gpr(v, Gpr::rax) = r.eax;
    gpr(v, Gpr::rbx) = r.ebx;
    gpr(v, Gpr::rcx) = r.ecx;
    gpr(v, Gpr::rdx) = r.edx;
    finish_instruction(v, length_or(v, 2));
}

/// With interrupts off nothing wakes the vCPU but another one: that is how a PVH guest takes a CPU away, and powers
/// off.
void handle_hlt(Domain& d, Vcpu& v) {
    finish_instruction(v, length_or(v, 1));
    if ((v.state->rflags & rflags_if) == 0) {
        take_down(d, v, "halted with interrupts off");
    } else {
        v.sleep = Sleep::halted;
    }
}

void handle_rdmsr(Domain& d, Vcpu& v) {
    std::uint64_t value = 0;
    if (!read_msr(d, v, static_cast<std::uint32_t>(gpr(v, Gpr::rcx)), value)) {
        inject_general_protection(v);
        return;
    }
    gpr(v, Gpr::rax) = value & low_half;
    gpr(v, Gpr::rdx) = value >> 32;
    finish_instruction(v, length_or(v, 2));
}

void handle_wrmsr(Domain& d, Vcpu& v) {
    const std::uint64_t value = (gpr(v, Gpr::rax) & low_half) | (gpr(v, Gpr::rdx) << 32);
    if (!write_msr(d, v, static_cast<std::uint32_t>(gpr(v, Gpr::rcx)), value)) {
        inject_general_protection(v);
        return;
    }
    finish_instruction(v, length_or(v, 2));
}

/// Some CPUs find a bad control-register write only when they look at the state as a whole. The first time, the guest
/// gets the exception that the write deserved; if the state is bad for good, it ends.
void handle_invalid_state(Domain& d, Vcpu& v) {
    if (++v.invalid_entries > 1) {
        d.crash(v, "state that no CPU runs");
    } else {
        inject_general_protection(v);
    }
}

} // namespace

void handle_exit(Domain& d, Vcpu& v, ExitReason reason, bool interrupted) {
    if (v.invalid_entries != 0 && reason != ExitReason::invalid_state) [[unlikely]] {
        v.invalid_entries = 0;
    }
    switch (reason) {
    case ExitReason::cpuid:
        handle_cpuid(d, v);
        return;
    case ExitReason::hlt:
        handle_hlt(d, v);
        return;
    case ExitReason::hypercall:
        handle_hypercall(d, v);
        return;
    case ExitReason::rdmsr:
        handle_rdmsr(d, v);
        return;
    case ExitReason::wrmsr:
        handle_wrmsr(d, v);
        return;
    case ExitReason::io:
        handle_io(d, v);
        return;
    case ExitReason::stage2_fault:
        if (interrupted) { // it would fault again, for ever
            d.crash(v, "exception or interrupt delivered outside memory");
        } else {
            handle_stage2_fault(d, v);
        }
        return;
    case ExitReason::triple_fault:
        d.crash(v, "triple fault");
        return;
    case ExitReason::invalid_state:
        handle_invalid_state(d, v);
        return;
    case ExitReason::exception:
        reflect_exception(v);
        return;
    case ExitReason::privileged:
        inject_undefined_opcode(v);
        return;
    case ExitReason::debug_control:
        handle_debug_control(d, v);
        return;
    case ExitReason::none:
    case ExitReason::count:
        break;
    }
    d.crash(v, "exit for an unknown reason");
}

} // namespace bulkhead::vcpu
