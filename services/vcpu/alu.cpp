// SPDX-License-Identifier: Apache-2.0
// Sums, differences and bit operations of every width, and the six status flags.
// It must not know: where operands come from.
#include "alu.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t flag_carry = 1u << 0;
constexpr std::uint64_t flag_parity = 1u << 2;
constexpr std::uint64_t flag_adjust = 1u << 4;
constexpr std::uint64_t flag_zero = 1u << 6;
constexpr std::uint64_t flag_sign = 1u << 7;
constexpr std::uint64_t flag_overflow = 1u << 11;
constexpr std::uint64_t status_flags = flag_carry | flag_parity | flag_adjust | flag_zero | flag_sign | flag_overflow;

std::uint64_t set_if(bool condition, std::uint64_t flag) {
    return condition ? flag : 0;
}

/// Bit n of the result says whether the sum or difference carried out of bit n (APM 1, the carry of each column).
struct Columns {
    std::uint64_t result, carries;
};
Columns add(std::uint64_t a, std::uint64_t b, std::uint64_t carry) {
    const std::uint64_t sum = a + b + carry;
    return {sum, (a & b) | ((a | b) & ~sum)};
}
Columns subtract(std::uint64_t a, std::uint64_t b, std::uint64_t borrow) {
    const std::uint64_t difference = a - b - borrow;
    return {difference, (~a & b) | ((~a | b) & difference)};
}

} // namespace

AluResult compute(AluOp op, std::uint64_t a, std::uint64_t b, std::uint32_t bytes, std::uint64_t rflags) {
    const std::uint32_t sign_bit = 8 * bytes - 1;
    const std::uint64_t mask = ~std::uint64_t{0} >> (63 - sign_bit);
    const std::uint64_t carry = rflags & flag_carry;
    Columns c{};
    switch (op) {
    case AluOp::add:
        c = add(a, b, 0);
        break;
    case AluOp::adc:
        c = add(a, b, carry);
        break;
    case AluOp::sub:
    case AluOp::cmp:
        c = subtract(a, b, 0);
        break;
    case AluOp::sbb:
        c = subtract(a, b, carry);
        break;
    case AluOp::bit_or:
        c = {a | b, 0};
        break;
    case AluOp::bit_and:
    case AluOp::test:
        c = {a & b, 0};
        break;
    case AluOp::bit_xor:
        c = {a ^ b, 0};
        break;
    case AluOp::move:
    case AluOp::exchange:
        return {b & mask, rflags};
    }
    const std::uint64_t value = c.result & mask;
    const std::uint64_t out = (c.carries >> sign_bit) & 1;
    const std::uint64_t into_sign = (c.carries >> (sign_bit - 1)) & 1;
    const std::uint64_t flags = set_if(out != 0, flag_carry) | set_if(out != into_sign, flag_overflow) |
                                set_if((c.carries & 8) != 0, flag_adjust) | set_if(value == 0, flag_zero) |
                                set_if(((value >> sign_bit) & 1) != 0, flag_sign) |
                                set_if(__builtin_parity(static_cast<unsigned>(value & 0xff)) == 0, flag_parity);
    return {value, (rflags & ~status_flags) | flags};
}

} // namespace bulkhead::vcpu
