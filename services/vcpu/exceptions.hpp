// SPDX-License-Identifier: Apache-2.0
// What the monitor does to the guest's instruction stream: finish an instruction, raise an exception instead, put back
// an event whose delivery an exit cut off. It must not know: why.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

namespace exception {
inline constexpr std::uint8_t debug = 1;
inline constexpr std::uint8_t undefined_opcode = 6;
inline constexpr std::uint8_t stack_fault = 12;
inline constexpr std::uint8_t general_protection = 13;
inline constexpr std::uint8_t page_fault = 14;
} // namespace exception

/// Long mode and CS.L: 64-bit code.
bool in_64bit_code(const VcpuState& s);

/// The instruction is done: RIP moves past it, and the shadow of an STI or MOV SS before it ends.
void finish_instruction(Vcpu& v, std::uint32_t length);
/// The same for who has asked for the width of the code already.
void finish_instruction(Vcpu& v, std::uint32_t length, bool in_64bit);

void inject_undefined_opcode(Vcpu& v);
void inject_general_protection(Vcpu& v);
void inject_page_fault(Vcpu& v, std::uint64_t address, std::uint32_t error);
/// The exception that a CPU would raise for that access.
void inject_access_fault(Vcpu& v, const AccessFault& fault);
void inject_nmi(Vcpu& v);
/// An exception that the kernel intercepted goes where it wanted to.
void reflect_exception(Vcpu& v);

/// After every run: an event whose delivery was cut off is delivered again on the next entry. True: there was one.
bool reinject_interrupted(Vcpu& v);

} // namespace bulkhead::vcpu
