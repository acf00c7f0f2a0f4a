// SPDX-License-Identifier: Apache-2.0
// Exceptions and the end of instructions (APM 2, 8.2 and 15.20).
// It must not know: why.
#include "exceptions.hpp"

#include <bulkhead/sys.hpp>

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t efer_lma = 1u << 10;
constexpr std::uint16_t segment_long = 1u << 9;

enum EventType : std::uint32_t { type_nmi = 2, type_exception = 3, type_software = 4 };

void inject(Vcpu& v, VcpuEvent event) {
    v.state->inject = event;
    v.touch(VcpuGroups::event);
}

bool pushes_error(std::uint8_t vector) {
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

} // namespace

bool in_64bit_code(const VcpuState& s) {
    return (s.efer & efer_lma) != 0 && (s.cs.access & segment_long) != 0;
}

void finish_instruction(Vcpu& v, std::uint32_t length) {
    finish_instruction(v, length, in_64bit_code(*v.state));
}

void finish_instruction(Vcpu& v, std::uint32_t length, bool in_64bit) {
    VcpuState& s = *v.state;
    const std::uint64_t next = s.rip + length;
    s.rip = in_64bit ? next : next & 0xffff'ffff;
    s.interrupt_shadow = 0;
    v.touch(VcpuGroups::ip);
}

void inject_undefined_opcode(Vcpu& v) {
    inject(v, make_exception(exception::undefined_opcode));
}

void inject_general_protection(Vcpu& v) {
    inject(v, make_exception(exception::general_protection, 0));
}

void inject_page_fault(Vcpu& v, std::uint64_t address, std::uint32_t error) {
    // CR2 travels with DR6 and DR7: what the kernel has of those must not be lost.
    if (sys::vcpu_expose(Selector{slot::vcpu.value + v.id}, VcpuGroups::debug) == Status::ok) {
        v.state->cr2 = address;
        v.touch(VcpuGroups::debug);
    }
    inject(v, make_exception(exception::page_fault, error));
}

void inject_access_fault(Vcpu& v, const AccessFault& fault) {
    if (fault.status == WalkStatus::page_fault) {
        inject_page_fault(v, fault.address, fault.error);
    } else {
        inject_general_protection(v);
    }
}

void inject_nmi(Vcpu& v) {
    inject(v, event_valid | (type_nmi << 8) | 2);
}

void reflect_exception(Vcpu& v) {
    const auto vector = static_cast<std::uint8_t>(v.state->qualification & 0x1f);
    const auto error = static_cast<std::uint32_t>(v.state->qualification >> 32);
    if (vector == 2) {
        inject_nmi(v);
    } else if (vector == exception::page_fault) {
        inject_page_fault(v, v.state->address, error);
    } else {
        inject(v, pushes_error(vector) ? make_exception(vector, error) : make_exception(vector));
    }
}

bool reinject_interrupted(Vcpu& v) {
    const VcpuEvent event = v.state->interrupted;
    if ((event & event_valid) == 0) {
        return false;
    }
    v.state->interrupted = 0;
    const auto type = static_cast<std::uint32_t>((event >> 8) & 7);
    const auto vector = static_cast<std::uint8_t>(event);
    const bool by_instruction = type == type_software || (type == type_exception && (vector == 3 || vector == 4));
    if (!by_instruction) { // INT n, INT3 and INTO are executed again: RIP is still at them
        inject(v, event);
    }
    return true;
}

} // namespace bulkhead::vcpu
