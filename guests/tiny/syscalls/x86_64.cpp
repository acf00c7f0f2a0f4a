// SPDX-License-Identifier: Apache-2.0
// The 64-bit kernel: SYSCALL by STAR, LSTAR, CSTAR and SFMASK (APM 2, 6.1). It must not know: when what is tried.
#include "x86_64.hpp"
#include "cpu.hpp"
#include "memory.hpp"
#include "syscalls.hpp"

extern "C" {
extern const char from_64_a[], from_64_b[], from_32_a[], from_32_b[];
extern const char by_sysenter_a[], by_sysenter_b[];
extern const char ring3_64[], ring3_64_back[], ring3_32[], ring3_32_back[];
void go_64(const void* code, bulkhead::guest::Word sp);
void go_32(const void* code, bulkhead::guest::Word sp);
}

namespace bulkhead::guest::syscalls {
namespace {

constexpr std::uint32_t msr_efer = 0xc000'0080, msr_star = 0xc000'0081, msr_lstar = 0xc000'0082,
                        msr_cstar = 0xc000'0083, msr_sfmask = 0xc000'0084, msr_sysenter_cs = 0x174,
                        msr_sysenter_esp = 0x175, msr_sysenter_eip = 0x176;
constexpr Word efer_sce = 1;
constexpr std::uint64_t kernel_code = 0x00af'9b00'0000'ffff, kernel_data = 0x00cf'9300'0000'ffff,
                        user_code32 = 0x00cf'fb00'0000'ffff, user_data = 0x00cf'f300'0000'ffff,
                        user_code64 = 0x00af'fb00'0000'ffff;
constexpr std::size_t task_index = 11;
alignas(8) std::uint64_t segments[task_index + 2] = {0,           kernel_code, kernel_data, user_code32, user_data,
                                                     user_code64, //
                                                     kernel_code, kernel_data, user_code32, user_data,   user_code64};

// Of each role. The masks differ in AC and ID. QEMU clears the status flags whatever SFMASK says: both masks take them.
constexpr Word kernel_cs[] = {0x08, 0x30}, user_base[] = {0x1b, 0x43};
constexpr Word both_mask = status_flags | direction_flag | interrupt_flag;
constexpr Word masks[] = {both_mask | alignment_flag, both_mask | id_flag};
const char* const entries_64[] = {from_64_a, from_64_b};
const char* const entries_32[] = {from_32_a, from_32_b};
const char* const by_sysenter[] = {by_sysenter_a, by_sysenter_b};
alignas(16) unsigned char sysenter_stacks[2][256];

constexpr Way list[] = {{"SYSCALL", ring3_64, ring3_64_back, go_64, 0, false},
                        {"SYSCALL in compatibility mode", ring3_32, ring3_32_back, go_32, 2, true}};
constexpr std::size_t r11 = 3;

} // namespace

const std::span<const Way> ways{list};

void set_up(std::uint32_t role) {
    load_segments(segments, task_index);
    write_msr(msr_efer, read_msr(msr_efer) | efer_sce);
    write_msr(msr_star, user_base[role] << 48 | kernel_cs[role] << 32);
    write_msr(msr_lstar, address_of(entries_64[role]));
    write_msr(msr_cstar, address_of(entries_32[role]));
    write_msr(msr_sfmask, masks[role]);
    write_msr(msr_sysenter_cs, kernel_cs[role]);
    write_msr(msr_sysenter_esp, sysenter_stack(role));
    write_msr(msr_sysenter_eip, address_of(by_sysenter[role]));
}

Word sysenter_stack(std::uint32_t role) {
    return address_of(sysenter_stacks[role]) + sizeof sysenter_stacks[role];
}
Word user_code(std::uint32_t role, bool narrow) {
    return user_base[role] + (narrow ? 0 : 16);
}

Expected expect(const Way& way, std::uint32_t role, Registers& asks, Registers& answers) {
    Expected expected{asks, {}};
    auto& in = expected.entered;
    in.sp = user_stack_top();
    in.cx = address_of(way.back);
    in.r[r11] = asks.flags;
    in.flags = asks.flags & ~masks[role];
    in.cs = kernel_cs[role];
    in.ss = in.cs + 8;
    answers.cx = in.cx;
    answers.r[r11] = answers.flags;
    answers.sp = user_stack_top();
    expected.found = answers;
    expected.found.cs = user_code(role, way.narrow);
    expected.found.ss = user_base[role] + 8;
    return expected;
}

} // namespace bulkhead::guest::syscalls
