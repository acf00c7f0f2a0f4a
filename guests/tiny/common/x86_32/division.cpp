// SPDX-License-Identifier: Apache-2.0
// 64-bit division: 32-bit compilers call these, and there is no compiler library for a guest.
// One bit of the quotient at a time: it only prints numbers.
#include <cstdint>

namespace {

struct Division {
    std::uint64_t quotient, remainder;
};

Division divide(std::uint64_t dividend, std::uint64_t divisor) {
    Division d{0, 0};
    for (int bit = 63; bit >= 0; --bit) {
        const bool carry = (d.remainder >> 63) != 0;
        d.remainder = (d.remainder << 1) | ((dividend >> bit) & 1);
        if (carry || d.remainder >= divisor) {
            d.remainder -= divisor;
            d.quotient |= std::uint64_t{1} << bit;
        }
    }
    return d;
}

} // namespace

extern "C" {
std::uint64_t __udivdi3(std::uint64_t dividend, std::uint64_t divisor);
std::uint64_t __umoddi3(std::uint64_t dividend, std::uint64_t divisor);

std::uint64_t __udivdi3(std::uint64_t dividend, std::uint64_t divisor) {
    return divide(dividend, divisor).quotient;
}
std::uint64_t __umoddi3(std::uint64_t dividend, std::uint64_t divisor) {
    return divide(dividend, divisor).remainder;
}
}
