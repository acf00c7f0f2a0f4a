// SPDX-License-Identifier: Apache-2.0
// The one seam between components and the kernel: six registers in, two out. On the target it is the SYSCALL
// instruction; in host tests (BULKHEAD_HOST) it is a function that the simulated kernel provides.
#pragma once

#include <bulkhead/abi/syscall.hpp>

namespace bulkhead::sys {

struct Raw {
    Status status;
    std::uint64_t value;
};

#ifdef BULKHEAD_HOST
Raw raw(Syscall number, std::uint64_t a0 = 0, std::uint64_t a1 = 0, std::uint64_t a2 = 0, std::uint64_t a3 = 0,
        std::uint64_t a4 = 0, std::uint64_t a5 = 0);
/// The calling thread's UTCB.
Utcb& utcb();
/// What the running component sees at an address of its own; nullptr where nothing is mapped.
void* pointer(UserVirt address);
#else
inline Raw raw(Syscall number, std::uint64_t a0 = 0, std::uint64_t a1 = 0, std::uint64_t a2 = 0, std::uint64_t a3 = 0,
               std::uint64_t a4 = 0, std::uint64_t a5 = 0) {
    std::uint64_t rax = static_cast<std::uint64_t>(number);
    std::uint64_t rdx = a2;
    register std::uint64_t r10 asm("r10") = a3;
    register std::uint64_t r8 asm("r8") = a4;
    register std::uint64_t r9 asm("r9") = a5;
    // The kernel may have written shared pages (UTCB, events, vCPU state): hence "memory".
    asm volatile("syscall"
                 : "+a"(rax), "+d"(rdx), "+D"(a0), "+S"(a1), "+r"(r10), "+r"(r8), "+r"(r9)
                 :
                 : "rcx", "r11", "memory");
    return {static_cast<Status>(rax), rdx};
}
/// The calling thread's UTCB: threads find its address at %fs:0 (see crt0).
inline Utcb& utcb() {
    Utcb* self;
    asm("movq %%fs:0, %0" : "=r"(self));
    return *self;
}
/// What this component sees at an address of its own.
inline void* pointer(UserVirt address) {
    return reinterpret_cast<void*>(address.value);
}
#endif

} // namespace bulkhead::sys
