// SPDX-License-Identifier: Apache-2.0
// Permission maps and forced intercepts.
#include "arch/x86_64/svm/forced.hpp"
#include "arch/x86_64/svm/permission.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

namespace bulkhead::kernel::svm {
namespace {

TEST_CASE("places of MSRs in the map", "[svm][permission]") {
    CHECK(msr_bit(0) == 0);
    CHECK(msr_bit(1) == 2);
    CHECK(msr_bit(0x1fff) == 0x7ff * 8 + 6);
    CHECK(msr_bit(0x2000) == msr_map_bits);
    CHECK(msr_bit(0xbfff'ffff) == msr_map_bits);
    CHECK(msr_bit(0xc000'0000) == 0x800 * 8);
    CHECK(msr_bit(0xc000'0100) == 0x840 * 8); // FS base: byte 64 of the second part
    CHECK(msr_bit(0xc000'1fff) == 0xfff * 8 + 6);
    CHECK(msr_bit(0xc000'2000) == msr_map_bits);
    CHECK(msr_bit(0xc001'0000) == 0x1000 * 8);
    CHECK(msr_bit(0xc001'1fff) == 0x17ff * 8 + 6);
    CHECK(msr_bit(0xc001'2000) == msr_map_bits);
    CHECK(msr_bit(0xffff'ffff) == msr_map_bits);
}

TEST_CASE("exactly the listed MSRs pass, and no port (REQ-GUEST-012)", "[svm][permission]") {
    std::vector<std::uint8_t> msrs(msr_map_bytes, 0x55);
    std::vector<std::uint8_t> ports(io_map_bytes, 0x55);
    fill_permission_maps(msrs.data(), ports.data());
    std::map<std::uint32_t, unsigned> open; // bit pairs: 1 read, 2 write
    for (std::uint32_t bit = 0; bit < msr_map_bits; ++bit) {
        if ((msrs[bit / 8] & (1u << (bit % 8))) == 0) {
            open[bit / 2 * 2] |= 1u << (bit % 2);
        }
    }
    const std::map<std::uint32_t, unsigned> expected{
        {0x174 * 2, 3},          {0x175 * 2, 3},          {0x176 * 2, 3},          {0x4000 + 0x081 * 2, 3},
        {0x4000 + 0x082 * 2, 3}, {0x4000 + 0x083 * 2, 3}, {0x4000 + 0x084 * 2, 3}, {0x4000 + 0x100 * 2, 3},
        {0x4000 + 0x101 * 2, 3}, {0x4000 + 0x102 * 2, 3}, {0x4000 + 0x103 * 2, 1},
    };
    CHECK(open == expected);
    for (const std::uint8_t byte : ports) {
        REQUIRE(byte == 0xff);
    }
    for (const PassThrough& p : pass_through) {
        CHECK_FALSE(std::string{p.why}.empty());
    }
}

TEST_CASE("forced intercepts", "[svm][forced]") {
    constexpr InterceptWords words = forced_words();
    CHECK(words.exceptions == ((1u << 1) | (1u << 17) | (1u << 18)));
    const auto total =
        static_cast<std::size_t>(std::popcount(words.misc1) + std::popcount(words.misc2) + std::popcount(words.misc3));
    CHECK(total == std::size(forced)); // no code twice
    // APM 2, appendix B, bit by bit.
    CHECK(words.misc1 == ((1u << 0) | (1u << 1) | (1u << 3) | (1u << 15) | (1u << 18) | (1u << 19) | (1u << 22) |
                          (1u << 24) | (1u << 26) | (1u << 27) | (1u << 28) | (1u << 29) | (1u << 30) | (1u << 31)));
    CHECK(words.misc2 == ((0x7fu) | (1u << 9) | (1u << 10) | (1u << 11) | (1u << 12) | (1u << 14)));
    CHECK(words.misc3 == ((1u << 0) | (1u << 1) | (1u << 4)));
    CHECK(window_intercept == 1u << 4);
    CHECK((words.misc1 & window_intercept) == 0); // comes and goes
    for (const Forced& f : forced) {
        CHECK_FALSE(std::string{f.why}.empty());
    }
}

} // namespace
} // namespace bulkhead::kernel::svm
