// SPDX-License-Identifier: Apache-2.0
// A line of text under construction, and the three ways out of a guest: console ring, debug port, console_io.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead::guest {

struct Hex {
    std::uint64_t value;
};

/// Text that does not fit is cut.
class Line {
public:
    Line& operator<<(const char* text);
    Line& operator<<(char c);
    Line& operator<<(unsigned long long value);
    Line& operator<<(unsigned long value) { return *this << static_cast<unsigned long long>(value); }
    Line& operator<<(unsigned value) { return *this << static_cast<unsigned long long>(value); }
    Line& operator<<(Hex value);
    Line& operator<<(const Line& other);

    const char* data() const { return text_; }
    std::size_t size() const { return size_; }

private:
    char text_[240];
    std::size_t size_{0};
};

inline std::uint64_t number(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}

} // namespace bulkhead::guest
