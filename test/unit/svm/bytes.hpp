// SPDX-License-Identifier: Apache-2.0
// Looking at objects byte by byte.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>

namespace bulkhead::test {

template <typename T> using Bytes = std::array<std::uint8_t, sizeof(T)>;

template <typename T> Bytes<T> bytes_of(const T& object) {
    Bytes<T> bytes;
    std::memcpy(bytes.data(), &object, sizeof(T));
    return bytes;
}
template <typename T> void from_bytes(T& object, const Bytes<T>& bytes) {
    std::memcpy(static_cast<void*>(&object), bytes.data(), sizeof(T));
}
template <typename T> void fill(T& object, std::uint8_t value) {
    std::memset(static_cast<void*>(&object), value, sizeof(T));
}
template <typename T> void randomise(T& object, std::mt19937& random) {
    Bytes<T> bytes;
    for (std::uint8_t& b : bytes) {
        b = static_cast<std::uint8_t>(random());
    }
    from_bytes(object, bytes);
}
/// Offsets at which two objects differ.
template <typename T> std::set<std::size_t> differences(const T& a, const T& b) {
    const Bytes<T> x = bytes_of(a);
    const Bytes<T> y = bytes_of(b);
    std::set<std::size_t> result;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        if (x[i] != y[i]) {
            result.insert(i);
        }
    }
    return result;
}

} // namespace bulkhead::test
