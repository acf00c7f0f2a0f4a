// SPDX-License-Identifier: Apache-2.0
// The functions of arch.hpp that are a handful of instructions and on every path: inline on the target. A host test,
// which has this directory not on its include path, sees only the declarations and brings its own.
#pragma once

#include <arch/arch.hpp>

#include <arch/x86_64/offsets.h>
#include <arch/x86_64/registers.hpp>

namespace bulkhead::kernel::arch {

inline Cpu& this_cpu() {
    Cpu* cpu; // the CpuLocal that GS points to is its first member: asserted in boot/cpus.cpp
    asm volatile("mov %%gs:%c1, %0" : "=r"(cpu) : "i"(LOCAL_SELF));
    return *cpu;
}

inline std::uint64_t now() {
    return read_tsc();
}

inline void* to_virtual(HostPhys address) {
    return reinterpret_cast<void*>(DIRECT_MAP_BASE + address.value);
}

inline HostPhys to_physical(const void* address) {
    const auto linear = reinterpret_cast<std::uint64_t>(address);
    return HostPhys{linear - (linear >= KERNEL_BASE ? KERNEL_BASE : DIRECT_MAP_BASE)};
}

inline SyscallArguments syscall_arguments(const UserFrame& frame) {
    const auto reg = [&](Gpr which) { return frame.gpr[static_cast<unsigned>(which)]; };
    return {reg(Gpr::rax), reg(Gpr::rdi), reg(Gpr::rsi), reg(Gpr::rdx), reg(Gpr::r10), reg(Gpr::r8), reg(Gpr::r9)};
}

inline void set_syscall_result(UserFrame& frame, Status status, std::uint64_t value) {
    frame.gpr[static_cast<unsigned>(Gpr::rax)] = static_cast<std::uint64_t>(status);
    frame.gpr[static_cast<unsigned>(Gpr::rdx)] = value;
}

} // namespace bulkhead::kernel::arch
