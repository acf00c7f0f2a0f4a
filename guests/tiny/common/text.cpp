// SPDX-License-Identifier: Apache-2.0
// Numbers to text.
#include "text.hpp"

namespace bulkhead::guest {

Line& Line::operator<<(char c) {
    if (size_ < sizeof text_) {
        text_[size_++] = c;
    }
    return *this;
}

Line& Line::operator<<(const char* text) {
    for (; *text != '\0'; ++text) {
        *this << *text;
    }
    return *this;
}

Line& Line::operator<<(const Line& other) {
    for (std::size_t i = 0; i < other.size_; ++i) {
        *this << other.text_[i];
    }
    return *this;
}

Line& Line::operator<<(unsigned long long value) {
    char digits[20];
    std::size_t count = 0;
    do {
        digits[count++] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count != 0) {
        *this << digits[--count];
    }
    return *this;
}

Line& Line::operator<<(Hex value) {
    *this << "0x";
    int shift = 60;
    while (shift > 0 && (value.value >> shift) == 0) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        *this << "0123456789abcdef"[(value.value >> shift) & 0xf];
    }
    return *this;
}

} // namespace bulkhead::guest
