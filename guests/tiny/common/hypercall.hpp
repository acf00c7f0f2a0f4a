// SPDX-License-Identifier: Apache-2.0
// Xen hypercalls from 64-bit code: number in rax, arguments in rdi, rsi, rdx, r10, r8; VMMCALL directly, no hypercall
// page.
#pragma once

#include <bulkhead/xen.hpp>

namespace bulkhead::guest {

inline std::int64_t hypercall(std::uint64_t number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                              std::uint64_t d = 0, std::uint64_t e = 0) {
    register std::uint64_t r10 asm("r10") = d;
    register std::uint64_t r8 asm("r8") = e;
    std::int64_t result;
    asm volatile("vmmcall" : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8) : "a"(number) : "memory");
    return result;
}
/// The common form: an operation and a structure for it.
template <typename T> std::int64_t hypercall(std::uint64_t number, std::uint32_t operation, T& argument) {
    return hypercall(number, operation, reinterpret_cast<std::uint64_t>(&argument));
}
inline std::int64_t vcpu_op(std::uint32_t operation, std::uint32_t vcpu, void* argument = nullptr) {
    return hypercall(__HYPERVISOR_vcpu_op, operation, vcpu, reinterpret_cast<std::uint64_t>(argument));
}

} // namespace bulkhead::guest
