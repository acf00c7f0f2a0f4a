// SPDX-License-Identifier: Apache-2.0
// What each CPU needs at the very bottom: the block that GS points to while the CPU is in the kernel, with its GDT, TSS
// and stacks. First member of the kernel's `Cpu`, which this file must not know.
#pragma once

#include <arch/arch.hpp>
#include <arch/x86_64/offsets.h>

#include <atomic>
#include <cstddef>

namespace bulkhead::kernel::arch {

/// 64-bit task-state segment, APM 2, 12.2.5.
struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0;
    std::uint64_t rsp[3];
    std::uint64_t reserved1;
    std::uint64_t ist[7]; ///< IST n is ist[n - 1]
    std::uint64_t reserved2;
    std::uint16_t reserved3;
    std::uint16_t io_map; ///< beyond the limit: no port is open to ring 3
};
static_assert(sizeof(TaskState) == 104);

/// Interrupt stacks: what can strike while RSP or GS is still ring 3's.
enum class Ist : std::uint8_t { none = 0, double_fault = 1, nmi = 2, machine_check = 3 };

struct CpuLocal {
    CpuLocal* self;
    UserFrame* frame; ///< where an entry from ring 3 saves registers: the thread that return_to_user resumed last;
                      ///< null: that one has been configured anew
    std::uint64_t stack_top;            ///< of this CPU's kernel stack
    std::uint64_t scratch;              ///< ring 3's RSP, for a few instructions
    std::uint64_t* fs_base_after_guest; ///< where the back end finds the thread's FS base when a guest has exited
    std::uint64_t canary;               ///< stack protector; the compiler knows the offset
    CpuId id;
    std::uint32_t apic_id;
    HostPhys root; ///< CR3
    std::atomic<std::uint64_t> shootdowns_asked;
    std::atomic<std::uint64_t> shootdowns_done; ///< written by this CPU only
    std::atomic<bool> online;
    HostPhys svm_area; ///< the back end's: set by svm_prepare_cpu
    alignas(16) TaskState task_state;
    alignas(16) std::uint64_t gdt[7];
};

static_assert(offsetof(CpuLocal, self) == LOCAL_SELF);
static_assert(offsetof(CpuLocal, frame) == LOCAL_FRAME);
static_assert(offsetof(CpuLocal, stack_top) == LOCAL_STACK);
static_assert(offsetof(CpuLocal, scratch) == LOCAL_SCRATCH);
static_assert(offsetof(CpuLocal, fs_base_after_guest) == LOCAL_GUEST_FS_BASE);
static_assert(offsetof(CpuLocal, canary) == LOCAL_CANARY);
static_assert(offsetof(UserFrame, gpr) == FRAME_GPR);
static_assert(offsetof(UserFrame, rip) == FRAME_RIP);
static_assert(offsetof(UserFrame, rflags) == FRAME_RFLAGS);
static_assert(offsetof(UserFrame, fs_base) == FRAME_FS_BASE);
static_assert(offsetof(UserFrame, by_iret) == FRAME_BY_IRET);
static_assert(user_end == USER_END);

/// This CPU's block.
inline CpuLocal& local() {
    CpuLocal* self;
    asm volatile("mov %%gs:%c1, %0" : "=r"(self) : "i"(LOCAL_SELF));
    return *self;
}

/// The top-level table that no component owns: the kernel half alone.
HostPhys kernel_root();
/// True if an aligned word may be read there: for walking a stack that may be damaged.
bool on_kernel_stack(std::uint64_t address);

// --- what the SVM back end (svm/) provides to CPU bring-up
} // namespace bulkhead::kernel::arch

namespace bulkhead::kernel {
class BootMemory;
}

namespace bulkhead::kernel::arch {
/// Allocates what the back end needs for one CPU, on CPU 0; the direct map stands. False: out of memory.
[[nodiscard]] bool svm_prepare_cpu(CpuLocal& local, BootMemory& memory);
/// Switches SVM on, on the CPU itself: EFER.SVME, VM_HSAVE_PA and what belongs to them. GS, GDT, TSS, MSRs are final.
void svm_enable_cpu(CpuLocal& local);

} // namespace bulkhead::kernel::arch
