// SPDX-License-Identifier: Apache-2.0
// The boundary between the kernel proper and one processor architecture. Everything above it includes only this header;
// kernel/arch/<arch>/ implements it. Nothing architecture-specific stands above, no policy below.
#pragma once

#include <bulkhead/abi/syscall.hpp>
#include <bulkhead/abi/types.hpp>
#include <bulkhead/abi/vcpu.hpp>

namespace bulkhead::kernel {

struct Cpu;
class Thread;
class Vcpu;

namespace arch {

inline constexpr std::uint32_t max_cpus = 32;

/// A set of CPUs, bit n = CPU n.
using CpuMask = std::uint32_t;

/// A component thread's registers, saved on every entry from ring 3. Order of `gpr`: the ABI's `Gpr`.
struct UserFrame {
    std::uint64_t gpr[16];
    std::uint64_t rip;
    std::uint64_t rflags;
    std::uint64_t fs_base; ///< of the thread's block, for its whole life, whatever ring 3 loads into FS
    std::uint64_t by_iret; ///< 1: every register must be restored (IRET); 0: the SYSCALL convention holds (SYSRET)
};

/// Accessors for the SYSCALL convention of bulkhead/abi/syscall.hpp.
struct SyscallArguments {
    std::uint64_t number, a0, a1, a2, a3, a4, a5;
};
SyscallArguments syscall_arguments(const UserFrame& frame);
void set_syscall_result(UserFrame& frame, Status status, std::uint64_t value);
/// Makes the thread execute its system call again when it resumes: how preempted operations go on.
void restart_syscall(UserFrame& frame);
/// First state of a thread: IF set, IOPL 0, FS at its thread block, everything else 0 but what is given.
void init_frame(UserFrame& frame, std::uint64_t rip, std::uint64_t rsp, std::uint64_t argument);

// --- this CPU
/// The block of the CPU that asks. Constant time (GS base).
Cpu& this_cpu();
std::uint64_t now(); ///< TSC
std::uint64_t tsc_khz();
void arm_timer(std::uint64_t deadline_tsc); ///< one-shot; past deadlines fire at once; ~0 disarms
/// True if an interrupt waits to be taken by this CPU: long operations then stop at their next preemption point.
bool interrupt_waiting();

// --- other CPUs
/// Makes `cpu` leave its guest, its component or its idle loop and enter the kernel (`on_kick`). Returns at once.
void kick(CpuId cpu);
/// Makes every CPU of the mask drop all its non-global translations of components' and guests' spaces, and returns when
/// all have. Never gives up. May be called with the kernel lock held: a CPU that spins for the lock serves requests
/// (`poll_shootdown`).
void shootdown(CpuMask cpus);
void poll_shootdown();

// --- memory
/// Direct map of all RAM below the largest physical address.
void* to_virtual(HostPhys address);
HostPhys to_physical(const void* address);
/// Loads a component's page-table root on this CPU (no-op if it is loaded already); the kernel's own root with
/// HostPhys{0}.
void load_root(HostPhys root);
/// Fills the kernel half of a fresh top-level table.
void init_root(HostPhys root);

// --- devices that the kernel mediates
std::uint32_t port_in(std::uint16_t port, std::uint32_t width);
void port_out(std::uint16_t port, std::uint32_t width, std::uint32_t value);
/// Number of global system interrupts (0 to n-1).
std::uint32_t interrupt_count();
/// Routes a masked interrupt to `cpu`; false if no controller has it.
[[nodiscard]] bool interrupt_route(std::uint32_t gsi, CpuId cpu, bool level, bool active_low);
void interrupt_mask(std::uint32_t gsi, bool masked);

// --- guests (kernel/arch/x86_64/svm)
/// Why the processor left the guest, as far as the kernel cares.
enum class GuestExit : std::uint8_t {
    host,   ///< an interrupt for the host, or nothing at all: the guest can go on
    monitor ///< VcpuState has exit_reason and what belongs to it; the monitor must see it
};
/// Bytes that a Vcpu's architecture part needs (a multiple of page_size), and its first page.
inline constexpr std::uint64_t vcpu_pages = 3; ///< control block, vector state, state page (in this order)
/// Initialises control block and vector state in `vcpu_pages` zeroed pages.
void vcpu_init(HostPhys pages);
/// Takes the changed groups from the state page. Fails without effect where a value is one that no guest may have.
[[nodiscard]] Status vcpu_commit(HostPhys pages, VcpuGroups groups);
void vcpu_expose(HostPhys pages, VcpuGroups groups);
/// Runs the guest on this CPU until it exits; the only place that executes VMRUN. Interrupts for the host are taken
/// inside. `flush`: the guest's translations must go first (root changed, or it ran elsewhere).
[[nodiscard]] GuestExit vcpu_enter(HostPhys pages, HostPhys stage2_root, bool flush);
/// This vCPU's registers may still be in this CPU: forgets them (the vCPU is being destroyed) .
void vcpu_forget(Cpu& cpu, HostPhys pages);
/// True if `pages` is the vCPU whose vector and debug registers this CPU holds.
std::uint32_t asid_count();

// --- leaving the kernel
/// Continues a component thread. Its address space is loaded.
[[noreturn]] void return_to_user(UserFrame& frame);
/// Waits for an interrupt, with the kernel's root loaded; returns after it was handled.
void idle();

// --- fatal
[[noreturn]] void panic(const char* what, const char* file, unsigned line);
/// Boot log and panic output only.
void print(const char* text);
void print_hex(std::uint64_t value);
void print_decimal(std::uint64_t value);

} // namespace arch

// --- what the architecture calls, in kernel/entry/. Interrupts are off, no lock is held.
extern "C" {
/// From ring 3, registers saved in the current thread's frame; never returns to its caller: ends in return_to_user.
[[noreturn]] void kernel_syscall();
/// An exception in ring 3. `vector` 0-31; `address` is CR2.
[[noreturn]] void kernel_user_exception(std::uint64_t vector, std::uint64_t error, std::uint64_t address);
/// A device interrupt, timer tick or kick in ring 3.
[[noreturn]] void kernel_user_interrupt(std::uint64_t vector);
/// The same while the CPU idles or has just left a guest: returns.
void kernel_interrupt(std::uint64_t vector);
}

/// Calls from the architecture's interrupt code (already acknowledged at the controller), inside kernel_*_interrupt.
void on_timer();
void on_kick();
void on_device_interrupt(std::uint32_t gsi); ///< the line is masked until interrupt_mask(gsi, false)
/// Panic output: which objects this CPU was working with. Touches nothing but its Cpu block.
void describe_current(const Cpu& cpu);
namespace arch {
/// Tells what a vector is and acknowledges it; calls on_timer, on_kick or on_device_interrupt, the kernel lock being
/// held by the caller.
void dispatch_interrupt(std::uint64_t vector);
} // namespace arch

} // namespace bulkhead::kernel

#if __has_include(<arch_inline.hpp>)
#include <arch_inline.hpp> // the target's: kernel/arch/<arch> is on its include path
#endif
