// SPDX-License-Identifier: Apache-2.0
// The system-call guest: what the ways into its kernel have in common. It has two of each entry, stack and selector;
// its role says which of the two its MSRs name. It must not know: which instructions there are.
#pragma once

#include <cstdint>
#include <span>

#include "arch.hpp"

namespace bulkhead::guest::syscalls {

/// Offsets are known to offsets.h.
struct Registers {
    Word ax, bx, cx, dx, si, di, bp, sp, flags, cs, ss;
#ifdef __x86_64__
    Word r[8]; // r8 to r15
#endif
};
constexpr std::size_t register_count = sizeof(Registers) / sizeof(Word);

/// A system call's instruction, from code of one width.
struct Way {
    const char* name;
    const void* code; ///< in ring 3
    const void* back; ///< where its call returns to
    void (*go)(const void* code, Word sp);
    std::uint32_t first_entry; ///< number of role 0's entry; the other role's is the next one
    bool narrow;               ///< ring 3 has 32-bit registers, and eight of them
};
extern const std::span<const Way> ways;

/// What must be: `entered` and `found` as instruction and MSRs make them of what was `asked` and `answered`.
struct Expected {
    Registers entered, found;
};
/// `asked` and `answered` have random registers: puts into both what the instruction needs there.
Expected expect(const Way& way, std::uint32_t role, Registers& asked, Registers& answered);

/// Instructions that are no way into this kernel, whatever the MSRs say: tries each once, and says how many did
/// anything but raise #UD.
std::uint32_t try_what_is_refused(std::uint32_t role);
/// And what they were.
void list_what_is_refused(std::uint64_t rounds);

/// Segments, task state for traps out of ring 3, and the MSRs, which are never written again.
void set_up(std::uint32_t role);
/// Where ring 3's stack begins.
Word user_stack_top();
/// What the CPU pushed when ring 3 trapped.
struct Trapped {
    Word ip, cs, flags, sp, ss;
};
const Trapped& trapped();

/// Ring 3 may change all of these.
constexpr Word status_flags = 0x8d5, direction_flag = 0x400, alignment_flag = 0x4'0000, id_flag = 0x20'0000;
constexpr Word interrupt_flag = 0x200, constant_one = 2;
/// What is loaded.
constexpr Word user_flags = 0xc5 | constant_one | direction_flag | alignment_flag | id_flag; // and SF, ZF, PF, CF
/// Loads `table`, which begins with start-up code's segments, and puts a task state at `task_index` of it.
void load_segments(std::span<std::uint64_t> table, std::size_t task_index);

} // namespace bulkhead::guest::syscalls

// --- shared with the assembler code
extern "C" {
/// What ring 3 loads, the entry finds, the kernel loads to return, and ring 3 then finds.
extern bulkhead::guest::syscalls::Registers asked, entered, answered, found;
extern std::uint32_t entered_by;
extern bulkhead::guest::Word kernel_sp; ///< while ring 3 runs
extern std::uint32_t spin_loops;
/// Called by each entry. False: ring 3 is done, and `go` returns.
bool system_call();
/// The same from a trap.
[[noreturn]] void leave_ring_3();
}
