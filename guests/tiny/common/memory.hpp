// SPDX-License-Identifier: Apache-2.0
// Addresses as numbers and back. Memory below 4 GiB is mapped one to one, or not at all.
#pragma once

#include "arch.hpp"

namespace bulkhead::guest {

/// As a hypercall's argument, or in a structure that has a number for it.
inline Word address_of(const volatile void* object) {
    return reinterpret_cast<Word>(object);
}
inline std::uint64_t frame_of(const volatile void* object) {
    return address_of(object) >> 12;
}
/// What is there; below 4 GiB.
template <typename T> T* at_physical(std::uint64_t address) {
    return reinterpret_cast<T*>(static_cast<Word>(address));
}

} // namespace bulkhead::guest
