// SPDX-License-Identifier: Apache-2.0
// The components' own memcpy and friends, under other names, against the host's, for every small size and overlap.
// REQ-LIB-001
#include <catch2/catch.hpp>

#include <cstring>
#include <random>
#include <vector>

#define memcpy component_memcpy
#define memmove component_memmove
#define memset component_memset
#define memcmp component_memcmp
#define memchr component_memchr
#define strlen component_strlen
#include "../../../lib/src/target/memory.cpp" // NOLINT(bugprone-suspicious-include): the file under test
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen

namespace {
std::vector<unsigned char> pattern(std::size_t size) {
    std::vector<unsigned char> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<unsigned char>(i * 37 + 11);
    }
    return bytes;
}
} // namespace

TEST_CASE("memmove agrees with the host's for every size and overlap", "[lib]") {
    for (std::size_t size = 0; size <= 70; ++size) {
        for (std::size_t from = 0; from <= 24; ++from) {
            for (std::size_t to = 0; to <= 24; ++to) {
                auto mine = pattern(100);
                auto theirs = mine;
                REQUIRE(component_memmove(mine.data() + to, mine.data() + from, size) == mine.data() + to);
                std::memmove(theirs.data() + to, theirs.data() + from, size);
                REQUIRE(mine == theirs);
            }
        }
    }
}

TEST_CASE("memcpy and memset touch their bytes and no others", "[lib]") {
    for (std::size_t size = 0; size <= 200; ++size) {
        for (std::size_t at = 0; at <= 9; ++at) {
            const auto source = pattern(220);
            std::vector<unsigned char> mine(220, 0xee);
            auto theirs = mine;
            component_memcpy(mine.data() + at, source.data() + 3, size);
            std::memcpy(theirs.data() + at, source.data() + 3, size);
            REQUIRE(mine == theirs);
            component_memset(mine.data() + at, 0x1a5, size);
            std::memset(theirs.data() + at, 0xa5, size);
            REQUIRE(mine == theirs);
        }
    }
}

TEST_CASE("memcmp, memchr and strlen agree with the host's", "[lib]") {
    std::mt19937 random{3};
    const auto sign = [](int value) { return (value > 0) - (value < 0); };
    for (int round = 0; round < 20'000; ++round) {
        const auto a = pattern(1 + random() % 40);
        auto b = a;
        if (random() % 2 == 0) {
            b[random() % b.size()] = static_cast<unsigned char>(random());
        }
        REQUIRE(sign(component_memcmp(a.data(), b.data(), a.size())) ==
                sign(std::memcmp(a.data(), b.data(), a.size())));
        const int wanted = static_cast<int>(random() % 256);
        REQUIRE(component_memchr(a.data(), wanted, a.size()) == std::memchr(a.data(), wanted, a.size()));
    }
    CHECK(component_strlen("") == 0);
    CHECK(component_strlen("twelve bytes") == 12);
}
