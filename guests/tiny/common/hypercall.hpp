// SPDX-License-Identifier: Apache-2.0
// Xen hypercalls, the same from 32-bit and 64-bit code (registers: arch.hpp); either by the instruction itself or
// through a hypercall page (public/arch-x86/cpuid.h), which the guest chooses at any time.
#pragma once

#include <bulkhead/xen.hpp>

#include "arch.hpp"
#include "memory.hpp"

namespace bulkhead::guest {

enum class EnterBy : std::uint8_t { instruction, page };

/// From now on. The first `page` has the hypervisor fill the page. False: it offers none; nothing has changed.
[[nodiscard]] bool enter_hypercalls_by(EnterBy way);
EnterBy hypercalls_entered_by();
/// Where the code is that enters hypercall `number`: 32 bytes each in the page, which has room for 128.
const void* hypercall_entry(Word number);

inline std::int64_t hypercall(Word number, Word a = 0, Word b = 0, Word c = 0, Word d = 0, Word e = 0) {
    return hypercall_at(hypercall_entry(number), number, a, b, c, d, e);
}
/// The common form: an operation and a structure for it.
template <typename T> std::int64_t hypercall(Word number, std::uint32_t operation, T& argument) {
    return hypercall(number, operation, address_of(&argument));
}
inline std::int64_t vcpu_op(std::uint32_t operation, std::uint32_t vcpu, void* argument = nullptr) {
    return hypercall(__HYPERVISOR_vcpu_op, operation, vcpu, address_of(argument));
}

} // namespace bulkhead::guest
