// SPDX-License-Identifier: Apache-2.0
// Interrupt vectors and the registers that an entry pushes on a kernel stack.
#pragma once

#include <arch/x86_64/cpu_local.hpp>

namespace bulkhead::kernel::arch {

namespace vector {
inline constexpr std::uint32_t nmi = 2, invalid_opcode = 6, double_fault = 8, page_fault = 14, machine_check = 18;
inline constexpr std::uint32_t first_device = 0x20; ///< global system interrupt n has vector 0x20 + n
inline constexpr std::uint32_t device_count = 0xc0;
inline constexpr std::uint32_t timer = 0xe0, kick = 0xe1;
inline constexpr std::uint32_t shootdown = 0xe2, apic_error = 0xe3;
inline constexpr std::uint32_t pic = 0xf0; ///< masked for ever; what it may still send falls into 0xf0-0xff
inline constexpr std::uint32_t spurious = 0xff;
static_assert(first_device + device_count == timer && shootdown == VECTOR_FIRST_INTERNAL);
} // namespace vector

/// See entry.S.
struct TrapFrame {
    std::uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
    std::uint64_t vector, error;
    std::uint64_t rip, cs, rflags, rsp, ss;
};
/// Above the frame of an entry on an interrupt stack: one word of padding, then the CPU's block.
struct IstStackTop {
    std::uint64_t padding;
    CpuLocal* local;
};
static_assert(sizeof(TrapFrame) + offsetof(IstStackTop, local) == TRAP_TO_IST_LOCAL);

/// Builds the interrupt descriptor table, once; without interrupt stacks.
void build_idt();
/// From now on #DF, NMI and #MC use their own stacks: every CPU that loads the table has a TSS.
void use_interrupt_stacks();
void load_idt();

/// A broken invariant, with the registers of where it broke.
[[noreturn]] void panic_at(const char* what, const TrapFrame& frame);
/// True once a panic stops the machine.
bool panicking();
/// The debug-exit port of the command line, 0 = none.
void set_exit_port(std::uint16_t port);

} // namespace bulkhead::kernel::arch
