// SPDX-License-Identifier: Apache-2.0
// Free slots: against a set.
// REQ-LIB-001
#include <catch2/catch.hpp>

#include <random>
#include <set>

#include <bulkhead/slot_allocator.hpp>

using namespace bulkhead;

TEST_CASE("slots are handed out once each and come back", "[lib]") {
    std::uint64_t storage[2];
    SlotAllocator slots{Selector{100}, 70, storage};
    std::set<std::uint32_t> out;
    while (const auto slot = slots.allocate()) {
        CHECK(out.insert(slot->value).second);
    }
    CHECK(out.size() == 70);
    CHECK(*out.begin() == 100);
    CHECK(*out.rbegin() == 169);
    CHECK(slots.allocate().status() == Status::out_of_memory);
    slots.release(Selector{133});
    slots.release(Selector{133});
    slots.release(Selector{99});
    slots.release(Selector{170});
    CHECK(slots.free_count() == 1);
    CHECK(slots.allocate()->value == 133);
}

TEST_CASE("runs of slots and chosen slots", "[lib]") {
    std::uint64_t storage[1];
    SlotAllocator slots{Selector{8}, 1000, storage};
    CHECK(slots.free_count() == 64); // as far as the storage goes
    CHECK(slots.reserve(Selector{10}) == Status::ok);
    CHECK(slots.reserve(Selector{10}) == Status::slot_in_use);
    CHECK(slots.reserve(Selector{7}) == Status::out_of_range);
    CHECK(slots.reserve(Selector{72}) == Status::out_of_range);
    CHECK(slots.allocate_run(2)->value == 8);
    CHECK(slots.allocate_run(3)->value == 11);
    CHECK(slots.allocate_run(59).status() == Status::out_of_memory);
    CHECK(slots.allocate_run(58)->value == 14);
    CHECK(slots.allocate_run(0).status() == Status::bad_argument);
    CHECK(slots.free_count() == 0);
}

TEST_CASE("a random walk agrees with a set", "[lib]") {
    std::mt19937 random{1};
    std::uint64_t storage[3];
    constexpr std::uint32_t first = 5, count = 150;
    SlotAllocator slots{Selector{first}, count, storage};
    std::set<std::uint32_t> used;
    for (int step = 0; step < 20'000; ++step) {
        if (random() % 2 == 0) {
            const auto length = static_cast<std::uint32_t>(1 + random() % 5);
            const auto run = slots.allocate_run(length);
            if (run) {
                for (std::uint32_t i = 0; i < length; ++i) {
                    REQUIRE(used.insert(run->value + i).second);
                }
                REQUIRE(run->value >= first);
                REQUIRE(run->value + length <= first + count);
            }
        } else {
            const auto slot = static_cast<std::uint32_t>(first + random() % count);
            slots.release(Selector{slot});
            used.erase(slot);
        }
        REQUIRE(slots.free_count() == count - used.size());
    }
}
