// SPDX-License-Identifier: Apache-2.0
// Arithmetic on device registers, compared with what this machine's CPU computes.
// REQ-WIDTH-005
#include <random>

#include <catch2/catch.hpp>

#include "alu.hpp"

using namespace bulkhead::vcpu;

namespace {

constexpr std::uint64_t status = 0x8d5;

/// The CPU's answer: the flags go in and come out by the stack.
#define NATIVE(name, instruction, type)                                                                                \
    AluResult name(std::uint64_t a, std::uint64_t b, std::uint64_t flags) {                                            \
        auto x = static_cast<type>(a);                                                                                 \
        std::uint64_t f = flags & status;                                                                              \
        asm volatile("sub $128, %%rsp; push %1; popf; " instruction " %2, %0; pushf; pop %1; add $128, %%rsp"          \
                     : "+q"(x), "+r"(f)                                                                                \
                     : "q"(static_cast<type>(b))                                                                       \
                     : "cc");                                                                                          \
        return {x, f & status};                                                                                        \
    }
#define NATIVE_ALL(op, mnemonic)                                                                                       \
    NATIVE(op##8, mnemonic "b", std::uint8_t)                                                                          \
    NATIVE(op##16, mnemonic "w", std::uint16_t)                                                                        \
    NATIVE(op##32, mnemonic "l", std::uint32_t)                                                                        \
    NATIVE(op##64, mnemonic "q", std::uint64_t)
NATIVE_ALL(add, "add")
NATIVE_ALL(bit_or, "or")
NATIVE_ALL(adc, "adc")
NATIVE_ALL(sbb, "sbb")
NATIVE_ALL(bit_and, "and")
NATIVE_ALL(sub, "sub")
NATIVE_ALL(bit_xor, "xor")
NATIVE_ALL(cmp, "cmp")
NATIVE_ALL(test, "test")

struct Row {
    AluOp op;
    bool adjust_defined; ///< AF of the bit operations is undefined
    AluResult (*native[4])(std::uint64_t, std::uint64_t, std::uint64_t);
};
constexpr Row rows[] = {
    {AluOp::add, true, {add8, add16, add32, add64}},
    {AluOp::bit_or, false, {bit_or8, bit_or16, bit_or32, bit_or64}},
    {AluOp::adc, true, {adc8, adc16, adc32, adc64}},
    {AluOp::sbb, true, {sbb8, sbb16, sbb32, sbb64}},
    {AluOp::bit_and, false, {bit_and8, bit_and16, bit_and32, bit_and64}},
    {AluOp::sub, true, {sub8, sub16, sub32, sub64}},
    {AluOp::bit_xor, false, {bit_xor8, bit_xor16, bit_xor32, bit_xor64}},
    {AluOp::cmp, true, {cmp8, cmp16, cmp32, cmp64}},
    {AluOp::test, false, {test8, test16, test32, test64}},
};

void compare(const Row& row, std::uint32_t log_bytes, std::uint64_t a, std::uint64_t b, std::uint64_t flags) {
    const std::uint32_t bytes = 1u << log_bytes;
    const AluResult native = row.native[log_bytes](a, b, flags);
    const AluResult ours = compute(row.op, a, b, bytes, flags);
    const std::uint64_t compared = row.adjust_defined ? status : status & ~std::uint64_t{0x10};
    CAPTURE(static_cast<int>(row.op), bytes, a, b, flags);
    if (has_result(row.op)) {
        CHECK(ours.value == native.value);
    }
    CHECK((ours.rflags & compared) == (native.rflags & compared));
    CHECK((ours.rflags & ~status) == (flags & ~status));
}

} // namespace

TEST_CASE("arithmetic agrees with the CPU: every pair of bytes") {
    for (const Row& row : rows) {
        for (std::uint64_t a = 0; a < 256; a += 3) {
            for (std::uint64_t b = 0; b < 256; ++b) {
                compare(row, 0, a, b, b & 1);
            }
        }
    }
}

TEST_CASE("arithmetic agrees with the CPU: edges and random operands of all widths") {
    std::mt19937_64 random{3};
    const std::uint64_t edges[] = {0,
                                   1,
                                   0x7f,
                                   0x80,
                                   0xff,
                                   0x7fff,
                                   0x8000,
                                   0xffff,
                                   0x7fff'ffff,
                                   0x8000'0000,
                                   0xffff'ffff,
                                   0x7fff'ffff'ffff'ffff,
                                   0x8000'0000'0000'0000,
                                   ~std::uint64_t{0}};
    for (const Row& row : rows) {
        for (std::uint32_t width = 0; width < 4; ++width) {
            for (const std::uint64_t a : edges) {
                for (const std::uint64_t b : edges) {
                    compare(row, width, a, b, 0);
                    compare(row, width, a, b, 0x246 | 1);
                }
            }
            for (int i = 0; i < 500; ++i) {
                compare(row, width, random(), random(), random() & 0x8d5);
            }
        }
    }
}

TEST_CASE("moves change no flag") {
    CHECK(compute(AluOp::move, 1, 0x1'2345, 2, 0x247).value == 0x2345);
    CHECK(compute(AluOp::move, 1, 0x1'2345, 2, 0x247).rflags == 0x247);
    CHECK(compute(AluOp::exchange, 7, 9, 8, 0x247).value == 9);
}
