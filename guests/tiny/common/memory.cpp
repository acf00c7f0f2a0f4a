// SPDX-License-Identifier: Apache-2.0
// The functions that a compiler may call by itself.
#include <cstddef>
#include <cstdint>

extern "C" {
void* memset(void* to, int value, std::size_t length) {
    auto* bytes = static_cast<std::uint8_t*>(to);
    for (std::size_t i = 0; i < length; ++i) {
        bytes[i] = static_cast<std::uint8_t>(value);
    }
    return to;
}
void* memcpy(void* to, const void* from, std::size_t length) {
    auto* out = static_cast<std::uint8_t*>(to);
    const auto* in = static_cast<const std::uint8_t*>(from);
    for (std::size_t i = 0; i < length; ++i) {
        out[i] = in[i];
    }
    return to;
}
}
