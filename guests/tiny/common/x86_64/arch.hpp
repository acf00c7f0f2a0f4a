// SPDX-License-Identifier: Apache-2.0
// What is particular to 64-bit code: registers of a hypercall, what the CPU pushes, interrupt gates.
// It must not know: what anything is used for.
#pragma once

#include <cstdint>

namespace bulkhead::guest {

/// A register.
using Word = std::uint64_t;

/// The calling convention of public/arch-x86/xen-x86_64.h, at an address that has the instruction and returns.
inline std::int64_t hypercall_at(const void* entry, Word number, Word a, Word b, Word c, Word d, Word e) {
    register Word r10 asm("r10") = d;
    register Word r8 asm("r8") = e;
    std::int64_t result;
    asm volatile("call *%[entry]"
                 : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                 : "a"(number), [entry] "r"(entry)
                 : "memory", "cc");
    return result;
}

struct TrapFrame {
    Word r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    Word vector, error;
    Word rip, cs, rflags, rsp, ss;

    Word instruction() const { return rip; }
};

/// APM 2, 4.8.3: a 64-bit interrupt gate.
struct Gate {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint16_t attributes;
    std::uint16_t offset_middle;
    std::uint32_t offset_high;
    std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

inline Gate interrupt_gate(Word target) {
    return {static_cast<std::uint16_t>(target),
            0x08,
            0x8e00, // present, interrupt gate
            static_cast<std::uint16_t>(target >> 16),
            static_cast<std::uint32_t>(target >> 32),
            0};
}

extern "C" {
extern char attempt_resume[];
extern Word attempt_stack;
}

/// The trap, when its handler returns, ends the attempt with that result.
inline void end_attempt(TrapFrame& frame, Word result) {
    frame.rax = result;
    frame.rsp = attempt_stack;
    frame.rip = reinterpret_cast<Word>(attempt_resume);
    frame.cs = 0x08;
    frame.ss = 0x10;
    frame.rflags = 0x2; // no IF, DF, TF, AC
}

} // namespace bulkhead::guest
