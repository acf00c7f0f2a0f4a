// SPDX-License-Identifier: Apache-2.0
// Copying from or to memory that others may take away meanwhile. It must not know: whose memory.
#pragma once

#include <cstddef>

#include <bulkhead/raw_syscall.hpp>

namespace bulkhead {

/// Copies upwards. False: an exception on the way, so that any part may have been copied. Runs as long as the copy.
[[nodiscard]] inline bool copy_if_there(void* to, const void* from, std::size_t bytes) {
    std::size_t words = bytes / 8;
    bool there = true;
    asm volatile("lea 1f(%%rip), %%rax\n\t"
                 "mov %%rax, %[on_fault]\n\t"
                 "rep movsq\n\t"
                 "mov %[rest], %%rcx\n\t"
                 "rep movsb\n\t"
                 "movq $0, %[on_fault]\n\t"
                 "jmp 2f\n"
                 "1:\n\t"
                 "xor %k[there], %k[there]\n"
                 "2:"
                 : "+D"(to), "+S"(from), "+c"(words), [there] "+r"(there), [on_fault] "+m"(sys::utcb().on_fault)
                 : [rest] "r"(bytes % 8)
                 : "rax", "cc", "memory");
    return there;
}

} // namespace bulkhead
