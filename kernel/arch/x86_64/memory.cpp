// SPDX-License-Identifier: Apache-2.0
// The four functions that the compiler may call whether it is told to or not. Word-wise string instructions: fast on
// every SVM processor, and one counted instruction per 8 bytes in the deterministic benchmarks.
#include <cstddef>
#include <cstdint>

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t count) {
    void* out = to;
    std::size_t words = count / 8;
    asm volatile("rep movsq" : "+D"(out), "+S"(from), "+c"(words) : : "memory");
    std::size_t rest = count % 8;
    asm volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

void* memmove(void* to, const void* from, std::size_t count) {
    if (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from) >= count) {
        return memcpy(to, from, count);
    }
    auto* out = static_cast<unsigned char*>(to) + count - 1;
    auto* in = static_cast<const unsigned char*>(from) + count - 1;
    asm volatile("std; rep movsb; cld" : "+D"(out), "+S"(in), "+c"(count) : : "memory");
    return to;
}

void* memset(void* to, int value, std::size_t count) {
    void* out = to;
    std::size_t words = count / 8;
    const std::uint64_t pattern = 0x0101'0101'0101'0101u * static_cast<unsigned char>(value);
    asm volatile("rep stosq" : "+D"(out), "+c"(words) : "a"(pattern) : "memory");
    std::size_t rest = count % 8;
    asm volatile("rep stosb" : "+D"(out), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

int memcmp(const void* left, const void* right, std::size_t count) {
    const auto* a = static_cast<const unsigned char*>(left);
    const auto* b = static_cast<const unsigned char*>(right);
    for (std::size_t i = 0; i < count; ++i) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}
}
