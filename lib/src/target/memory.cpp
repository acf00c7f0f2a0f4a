// SPDX-License-Identifier: Apache-2.0
// The C functions that the compiler, std::string_view and nanopb call. No vector registers, so the CPU's string
// instructions do the long ones. It must not know: anything but bytes. Compiled so that the compiler does not turn a
// body into a call of itself.
#include <cstddef>
#include <cstdint>

namespace {

// Loads and stores of any alignment and any type's bytes.
struct [[gnu::packed, gnu::may_alias]] Any64 {
    std::uint64_t value;
};
struct [[gnu::packed, gnu::may_alias]] Any32 {
    std::uint32_t value;
};
std::uint64_t load64(const unsigned char* at) {
    return reinterpret_cast<const Any64*>(at)->value;
}
void store64(unsigned char* at, std::uint64_t value) {
    reinterpret_cast<Any64*>(at)->value = value;
}
std::uint32_t load32(const unsigned char* at) {
    return reinterpret_cast<const Any32*>(at)->value;
}
void store32(unsigned char* at, std::uint32_t value) {
    reinterpret_cast<Any32*>(at)->value = value;
}

/// Up to 16 bytes, overlapping or not: everything is loaded before anything is stored.
void move_short(unsigned char* to, const unsigned char* from, std::size_t count) {
    if (count >= 8) {
        const std::uint64_t head = load64(from);
        const std::uint64_t tail = load64(from + count - 8);
        store64(to, head);
        store64(to + count - 8, tail);
    } else if (count >= 4) {
        const std::uint32_t head = load32(from);
        const std::uint32_t tail = load32(from + count - 4);
        store32(to, head);
        store32(to + count - 4, tail);
    } else if (count != 0) {
        const unsigned char first = from[0];
        const unsigned char middle = from[count / 2];
        const unsigned char last = from[count - 1];
        to[0] = first;
        to[count / 2] = middle;
        to[count - 1] = last;
    }
}

/// More than 16 bytes, upwards. Right for overlapping ranges whose destination is the lower one: the tail is loaded
/// first.
void move_up(unsigned char* to, const unsigned char* from, std::size_t count) {
    const std::uint64_t tail = load64(from + count - 8);
    unsigned char* const end = to + count;
    std::size_t words = (count - 1) / 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    store64(end - 8, tail);
}

/// More than 16 bytes, downwards, for a destination that lies above the source.
void move_down(unsigned char* to, const unsigned char* from, std::size_t count) {
    const std::uint64_t head = load64(from);
    std::size_t left = count;
    while (left > 8) {
        left -= 8;
        store64(to + left, load64(from + left));
    }
    store64(to, head);
}

} // namespace

extern "C" {

void* memcpy(void* __restrict destination, const void* __restrict source, std::size_t count) {
    auto* to = static_cast<unsigned char*>(destination);
    const auto* from = static_cast<const unsigned char*>(source);
    if (count <= 16) {
        move_short(to, from, count);
    } else {
        move_up(to, from, count);
    }
    return destination;
}

void* memmove(void* destination, const void* source, std::size_t count) {
    auto* to = static_cast<unsigned char*>(destination);
    const auto* from = static_cast<const unsigned char*>(source);
    if (count <= 16) {
        move_short(to, from, count);
    } else if (to <= from || to >= from + count) {
        move_up(to, from, count);
    } else {
        move_down(to, from, count);
    }
    return destination;
}

void* memset(void* destination, int value, std::size_t count) {
    auto* to = static_cast<unsigned char*>(destination);
    const std::uint64_t pattern = std::uint64_t{0x0101'0101'0101'0101} * static_cast<unsigned char>(value);
    if (count >= 8) {
        unsigned char* const end = to + count;
        std::size_t words = (count - 1) / 8;
        asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
        store64(end - 8, pattern);
    } else {
        asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(pattern) : "memory");
    }
    return destination;
}

int memcmp(const void* left, const void* right, std::size_t count) {
    const auto* a = static_cast<const unsigned char*>(left);
    const auto* b = static_cast<const unsigned char*>(right);
    std::size_t i = 0;
    while (i + 8 <= count && load64(a + i) == load64(b + i)) {
        i += 8;
    }
    for (; i < count; ++i) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

void* memchr(const void* where, int value, std::size_t count) {
    const auto* at = static_cast<const unsigned char*>(where);
    for (std::size_t i = 0; i < count; ++i) {
        if (at[i] == static_cast<unsigned char>(value)) {
            return const_cast<unsigned char*>(at + i); // the C signature drops const
        }
    }
    return nullptr;
}

std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (text[length] != '\0') {
        ++length;
    }
    return length;
}

} // extern "C"
