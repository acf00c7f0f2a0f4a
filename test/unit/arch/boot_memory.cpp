// SPDX-License-Identifier: Apache-2.0
// REQ-BOOT-001
#include <arch/boot_memory.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace bulkhead;
using namespace bulkhead::kernel;

namespace {

PhysRange range(std::uint64_t base, std::uint64_t bytes) {
    return {HostPhys{base}, bytes};
}

} // namespace

TEST_CASE("boot memory: only whole pages inside the range count", "[arch]") {
    BootMemory memory;
    memory.add(range(0x1001, 0x2fff));
    CHECK(memory.contains(range(0x2000, 0x2000)));
    CHECK(memory.total() == 0x2000);
    memory.add(range(0x8001, 0xffe));
    CHECK(memory.total() == 0x2000);
}

TEST_CASE("boot memory: page 0 is never given away", "[arch]") {
    BootMemory memory;
    memory.add(range(0, 0x2000));
    CHECK(memory.contains(range(0, 0x2000)));
    CHECK(memory.allocate(0x1000) == HostPhys{0x1000});
    CHECK(memory.allocate(0x1000) == HostPhys{0});
}

TEST_CASE("boot memory: removal takes every page it touches", "[arch]") {
    BootMemory memory;
    memory.add(range(0x10000, 0x10000));
    memory.remove(range(0x14fff, 2));
    CHECK(memory.total() == 0xe000);
    CHECK_FALSE(memory.contains(range(0x14000, 0x1000)));
    CHECK_FALSE(memory.contains(range(0x15000, 0x1000)));
    memory.remove(range(0x18000, 0));
    CHECK(memory.total() == 0xe000);
}

TEST_CASE("boot memory: overlapping and adjacent ranges become one", "[arch]") {
    BootMemory memory;
    memory.add(range(0x1000, 0x3000));
    memory.add(range(0x2000, 0x4000));
    memory.add(range(0x6000, 0x1000));
    CHECK(memory.total() == 0x6000);
    CHECK(memory.contains(range(0x1000, 0x6000)));
}

TEST_CASE("boot memory: allocates the lowest block that fits, aligned", "[arch]") {
    BootMemory memory;
    memory.add(range(0x100000, 0x1000));
    memory.add(range(0x201000, 0x400000));
    CHECK(memory.allocate(1) == HostPhys{0x100000});
    CHECK(memory.allocate(0x1000, large_page_size) == HostPhys{0x400000});
    CHECK(memory.allocate(0x1000) == HostPhys{0x201000});
    CHECK(memory.allocate(0x10000000) == HostPhys{0});
    CHECK(memory.allocate(0) == HostPhys{0});
    CHECK(memory.allocate(~std::uint64_t{0}) == HostPhys{0});
}

TEST_CASE("boot memory: ranges that wrap or lie too high are cut", "[arch]") {
    BootMemory memory;
    memory.add(range(BootMemory::limit - 0x2000, ~std::uint64_t{0}));
    memory.add(range(BootMemory::limit + 0x1000, 0x5000));
    memory.add(range(~std::uint64_t{0} - 5, 0x5000));
    CHECK(memory.total() == 0x2000);
    memory.remove(range(BootMemory::limit - 0x1000, ~std::uint64_t{0}));
    CHECK(memory.total() == 0x1000);
}

TEST_CASE("boot memory: a full table loses memory but never invents any", "[arch]") {
    BootMemory memory;
    memory.add(range(0, 0x1000'0000));
    for (std::uint64_t i = 0; i < 2 * BootMemory::max_ranges; ++i) {
        memory.remove(range(i * 0x2000, 0x1000));
    }
    for (std::uint64_t i = 0; i < 2 * BootMemory::max_ranges; ++i) {
        CHECK_FALSE(memory.contains(range(i * 0x2000, 0x1000)));
    }
    CHECK(memory.ranges().size() <= BootMemory::max_ranges);
}

TEST_CASE("boot memory: random operations agree with a page bitmap", "[arch]") {
    std::mt19937_64 random{1};
    constexpr std::uint64_t pages = 64;
    for (int round = 0; round < 300; ++round) {
        BootMemory memory;
        std::vector<bool> model(pages, false);
        for (int step = 0; step < 60; ++step) {
            const std::uint64_t base = random() % (pages * page_size);
            const std::uint64_t bytes = random() % (pages * page_size - base) / (1 + random() % 8);
            const bool add = random() % 2 == 0;
            if (add) {
                memory.add(range(base, bytes));
            } else {
                memory.remove(range(base, bytes));
            }
            for (std::uint64_t p = 0; p < pages; ++p) {
                const std::uint64_t start = p * page_size;
                if (add && base <= start && start + page_size <= base + bytes) {
                    model[p] = true;
                } else if (!add && bytes != 0 && base < start + page_size && start < base + bytes) {
                    model[p] = false;
                }
            }
        }
        for (std::uint64_t p = 0; p < pages; ++p) {
            REQUIRE(memory.contains(range(p * page_size, page_size)) == model[p]);
        }
        REQUIRE(memory.total() == page_size * static_cast<std::uint64_t>(std::count(model.begin(), model.end(), true)));
    }
}
