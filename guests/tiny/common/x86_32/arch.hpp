// SPDX-License-Identifier: Apache-2.0
// What is particular to 32-bit code: registers of a hypercall, what the CPU pushes, interrupt gates.
// It must not know: what anything is used for.
#pragma once

#include <cstdint>

namespace bulkhead::guest {

/// A register.
using Word = std::uint32_t;

/// The calling convention of public/arch-x86/xen-x86_32.h, at an address that has the instruction and returns.
inline std::int64_t hypercall_at(const void* entry, Word number, Word a, Word b, Word c, Word d, Word e) {
    std::int32_t result;
    asm volatile("call *%[entry]" // all general registers have arguments: the address is in memory
                 : "=a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e)
                 : "a"(number), [entry] "m"(entry)
                 : "memory", "cc");
    return result;
}

struct TrapFrame {
    Word edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
    Word vector, error;
    Word eip, cs, eflags; // the stack is the same: nothing of it is pushed

    Word instruction() const { return eip; }
};

/// APM 2, 4.7.4: a 32-bit interrupt gate.
struct Gate {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint16_t attributes;
    std::uint16_t offset_high;
};
static_assert(sizeof(Gate) == 8);

inline Gate interrupt_gate(Word target) {
    return {static_cast<std::uint16_t>(target), 0x08, 0x8e00, static_cast<std::uint16_t>(target >> 16)};
}

/// Ends the attempt with that result. IRET would keep the stack of whatever has faulted, so this does not return.
extern "C" [[noreturn]] void abandon_trap(Word result);
inline void end_attempt(TrapFrame&, Word result) {
    abandon_trap(result);
}

} // namespace bulkhead::guest
