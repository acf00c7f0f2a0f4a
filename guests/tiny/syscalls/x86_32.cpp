// SPDX-License-Identifier: Apache-2.0
// The 32-bit kernel: SYSENTER by its three MSRs, and legacy SYSCALL by STAR (APM 2, 6.1). It must not know: when what
// is tried.
#include "cpu.hpp"
#include "memory.hpp"
#include "syscalls.hpp"

extern "C" {
extern const char by_sysenter_a[], by_sysenter_b[], by_syscall_a[], by_syscall_b[];
extern const char ring3_sysenter[], ring3_sysenter_back[], ring3_syscall[], ring3_syscall_back[];
void go_by_sysexit(const void* code, bulkhead::guest::Word sp);
void go_by_sysret(const void* code, bulkhead::guest::Word sp);
}

namespace bulkhead::guest::syscalls {
namespace {

constexpr std::uint32_t msr_sysenter_cs = 0x174, msr_sysenter_esp = 0x175, msr_sysenter_eip = 0x176,
                        msr_efer = 0xc000'0080, msr_star = 0xc000'0081;
constexpr std::uint64_t efer_sce = 1;
constexpr std::uint64_t kernel_code = 0x00cf'9b00'0000'ffff, kernel_data = 0x00cf'9300'0000'ffff,
                        user_code = 0x00cf'fb00'0000'ffff, user_data = 0x00cf'f300'0000'ffff;
constexpr std::size_t task_index = 9;
alignas(8) std::uint64_t segments[task_index + 1] = {0,           kernel_code, kernel_data, user_code, user_data,
                                                     kernel_code, kernel_data, user_code,   user_data};

// Of each role.
constexpr Word kernel_cs[] = {0x08, 0x28}, user_cs[] = {0x1b, 0x3b};
const char* const by_sysenter[] = {by_sysenter_a, by_sysenter_b};
const char* const by_syscall[] = {by_syscall_a, by_syscall_b};
alignas(16) unsigned char entry_stacks[2][256];

constexpr std::uint32_t sysenter_entry = 0, syscall_entry = 2;
constexpr Way list[] = {
    {"SYSENTER", ring3_sysenter, ring3_sysenter_back, go_by_sysexit, sysenter_entry, true},
    {"SYSCALL", ring3_syscall, ring3_syscall_back, go_by_sysret, syscall_entry, true},
};

Word entry_stack(std::uint32_t role) {
    return address_of(entry_stacks[role]) + sizeof entry_stacks[role];
}

} // namespace

const std::span<const Way> ways{list};

void set_up(std::uint32_t role) {
    load_segments(segments, task_index);
    write_msr(msr_sysenter_cs, kernel_cs[role]);
    write_msr(msr_sysenter_esp, entry_stack(role));
    write_msr(msr_sysenter_eip, address_of(by_sysenter[role]));
    write_msr(msr_efer, read_msr(msr_efer) | efer_sce);
    write_msr(msr_star,
              std::uint64_t{user_cs[role]} << 48 | std::uint64_t{kernel_cs[role]} << 32 | address_of(by_syscall[role]));
}

std::uint32_t try_what_is_refused(std::uint32_t) {
    return 0; // all are ways in protected mode
}
void list_what_is_refused(std::uint64_t) {}

Expected expect(const Way& way, std::uint32_t role, Registers& asks, Registers& answers) {
    const bool sysenter = way.first_entry == sysenter_entry;
    const Word back = address_of(way.back);
    if (sysenter) { // nothing is remembered: our ring 3 says where it wants to go on
        asks.dx = answers.dx = back;
        asks.cx = answers.cx = user_stack_top();
    } else {
        answers.cx = back;
    }
    answers.sp = user_stack_top();
    Expected expected{asks, answers};
    expected.entered.sp = sysenter ? entry_stack(role) : user_stack_top();
    expected.entered.cx = sysenter ? asks.cx : back;
    expected.entered.cs = kernel_cs[role];
    expected.entered.ss = kernel_cs[role] + 8;
    expected.found.flags |= sysenter ? 0 : interrupt_flag; // SYSRET sets it
    expected.found.cs = user_cs[role];
    expected.found.ss = user_cs[role] + 8;
    return expected;
}

} // namespace bulkhead::guest::syscalls
