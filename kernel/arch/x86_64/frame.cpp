// SPDX-License-Identifier: Apache-2.0
// A component thread's registers seen through the system-call convention (bulkhead/abi/syscall.hpp).
#include <arch/arch.hpp>
#include <arch/x86_64/cpu.hpp>

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint64_t initial_flags = 0x202; // IF and the bit that is always 1
constexpr std::uint64_t syscall_instruction_bytes = 2;

} // namespace

void restart_syscall(UserFrame& frame) {
    frame.rip -= syscall_instruction_bytes;
    frame.by_iret = 1; // SYSRET would not restore the arguments
}

void init_frame(UserFrame& frame, std::uint64_t rip, std::uint64_t rsp, std::uint64_t argument) {
    frame = {};
    frame.gpr[static_cast<unsigned>(Gpr::rdi)] = argument;
    frame.gpr[static_cast<unsigned>(Gpr::rsp)] = rsp;
    frame.rip = rip;
    frame.fs_base = rsp - thread_block_bytes;
    frame.rflags = initial_flags;
    frame.by_iret = 1;
    for (std::uint32_t i = 0; i < online_cpus(); ++i) {
        // That CPU may still have its former life's segments; in one step, as it may be leaving the kernel right now.
        UserFrame* former = &frame;
        (void)__atomic_compare_exchange_n(&local_of(CpuId{i}).frame, &former, nullptr, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED);
    }
}

} // namespace bulkhead::kernel::arch
