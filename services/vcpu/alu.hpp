// SPDX-License-Identifier: Apache-2.0
// What arithmetic and logical instructions compute, with their flags (APM 3, and APM 1, 3.1.4), for those whose memory
// operand is a device register. It must not know: where operands come from.
#pragma once

#include <cstdint>

namespace bulkhead::vcpu {

/// In the order of the opcodes (00 to 38, and the digits of 80 to 83); then those with opcodes of their own.
enum class AluOp : std::uint8_t { add, bit_or, adc, sbb, bit_and, sub, bit_xor, cmp, test, move, exchange };

/// Whether the first operand gets the result.
constexpr bool has_result(AluOp op) {
    return op != AluOp::cmp && op != AluOp::test;
}

struct AluResult {
    std::uint64_t value;
    std::uint64_t rflags;
};

/// a OP b, on operands of 1, 2, 4 or 8 bytes. `rflags` gives the carry, and all that does not change. Of move and
/// exchange the result is b, and no flag changes.
AluResult compute(AluOp op, std::uint64_t a, std::uint64_t b, std::uint32_t bytes, std::uint64_t rflags);

} // namespace bulkhead::vcpu
