// SPDX-License-Identifier: Apache-2.0
// How long the kernel runs without letting an interrupt in. Linked into the kernel that is shipped (its objects,
// unchanged) by the linker's --wrap, around the places where it begins and ends to run with interrupts off. Whenever a
// section is longer than all before it that began likewise, a line goes to the emulator's debug console: kind, ticks,
// detail, and the address where it ended. For machines with one CPU: with several, the emulator's one counter also
// counts what the others do meanwhile.
#include <bulkhead/abi/types.hpp>

#include "arch/arch.hpp"
#include "sched/cpu.hpp"

namespace {

using bulkhead::HostPhys;
namespace kernel = bulkhead::kernel;

constexpr std::uint16_t debug_console = 0xe9;

/// How the kernel came to run. `s`: system call, detail: number, and the method of an invocation << 8. `e`, `i`:
/// exception or interrupt of ring 3, detail: vector. `n`: an interrupt of the idle kernel or behind a guest's exit.
/// `g`: a guest's exit. `w`: idling has ended.
struct Section {
    std::uint64_t began;
    char kind;
    std::uint64_t detail;
};
constinit Section current{}; ///< kind 0: none

constexpr std::uint64_t method_shift = 8; ///< of detail, for an invocation
constexpr std::size_t max_calls = 16, max_methods = 64, other_kinds = 5;
constinit std::uint64_t longest[max_calls + max_methods + other_kinds]{};

/// That of the sections which begin like this one.
std::uint64_t& longest_like(const Section& section) {
    const std::uint64_t call = section.detail & 0xff;
    const std::uint64_t method = section.detail >> method_shift;
    switch (section.kind) {
    case 's':
        return call == static_cast<std::uint64_t>(bulkhead::Syscall::invoke)
                   ? longest[max_calls + (method < max_methods ? method : max_methods - 1)]
                   : longest[call < max_calls ? call : max_calls - 1];
    case 'e':
        return longest[max_calls + max_methods];
    case 'i':
        return longest[max_calls + max_methods + 1];
    case 'n':
        return longest[max_calls + max_methods + 2];
    case 'g':
        return longest[max_calls + max_methods + 3];
    default:
        return longest[max_calls + max_methods + 4];
    }
}

void put(char c) {
    asm volatile("outb %0, %1" : : "a"(c), "Nd"(debug_console));
}
void put_hex(std::uint64_t value) {
    put(' ');
    for (int shift = 60; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[(value >> shift) & 0xf]);
    }
}

std::uint64_t now() {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return high << 32 | low;
}

void begin(char kind, std::uint64_t detail) {
    current = {now(), kind, detail};
}

/// `where`: in the kernel.
void end(void* where) {
    if (current.kind == 0) {
        return;
    }
    const std::uint64_t ticks = now() - current.began;
    if (std::uint64_t& before = longest_like(current); ticks > before) {
        before = ticks;
        put(current.kind);
        put_hex(ticks);
        put_hex(current.detail);
        put_hex(reinterpret_cast<std::uint64_t>(where));
        put('\n');
    }
    current.kind = 0;
}

} // namespace

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names
void __real_kernel_syscall();
void __wrap_kernel_syscall() {
    const auto call = kernel::arch::syscall_arguments(kernel::arch::this_cpu().current->frame);
    const bool invocation = call.number == static_cast<std::uint64_t>(bulkhead::Syscall::invoke);
    begin('s', call.number | (invocation ? call.a1 << method_shift : 0));
    __real_kernel_syscall();
}

void __real_kernel_user_exception(std::uint64_t vector, std::uint64_t error, std::uint64_t address);
void __wrap_kernel_user_exception(std::uint64_t vector, std::uint64_t error, std::uint64_t address) {
    begin('e', vector);
    __real_kernel_user_exception(vector, error, address);
}

void __real_kernel_user_interrupt(std::uint64_t vector);
void __wrap_kernel_user_interrupt(std::uint64_t vector) {
    begin('i', vector);
    __real_kernel_user_interrupt(vector);
}

void __real_kernel_interrupt(std::uint64_t vector);
void __wrap_kernel_interrupt(std::uint64_t vector) {
    const Section outer = current; // interrupts were on for a moment
    begin('n', vector);
    __real_kernel_interrupt(vector);
    end(__builtin_return_address(0));
    if (outer.kind != 0) {
        begin(outer.kind, outer.detail);
    }
}

void __real_svm_run(HostPhys vmcb, std::uint64_t* gpr, HostPhys host_state);
void __wrap_svm_run(HostPhys vmcb, std::uint64_t* gpr, HostPhys host_state) {
    end(__builtin_return_address(0));
    __real_svm_run(vmcb, gpr, host_state);
    begin('g', 0);
}

void __real__ZN8bulkhead6kernel4arch4idleEv();
void __wrap__ZN8bulkhead6kernel4arch4idleEv() {
    end(__builtin_return_address(0));
    __real__ZN8bulkhead6kernel4arch4idleEv();
    begin('w', 0);
}

[[noreturn]] void __real__ZN8bulkhead6kernel4arch14return_to_userERNS1_9UserFrameE(kernel::arch::UserFrame& frame);
[[noreturn]] void __wrap__ZN8bulkhead6kernel4arch14return_to_userERNS1_9UserFrameE(kernel::arch::UserFrame& frame) {
    end(__builtin_return_address(0));
    __real__ZN8bulkhead6kernel4arch14return_to_userERNS1_9UserFrameE(frame);
}

// A long operation asks here whether it should stop: from its caller's view nothing waited until now.
bool __real__ZN8bulkhead6kernel4arch17interrupt_waitingEv();
bool __wrap__ZN8bulkhead6kernel4arch17interrupt_waitingEv() {
    const Section whole = current;
    end(__builtin_return_address(0));
    if (whole.kind != 0) {
        begin(whole.kind, whole.detail);
    }
    return __real__ZN8bulkhead6kernel4arch17interrupt_waitingEv();
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
}
