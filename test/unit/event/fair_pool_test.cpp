// SPDX-License-Identifier: Apache-2.0
// The pool behind ports and senders: promises are kept whatever a greedy domain does.
// REQ-EVENT-002
#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <vector>

#include <bulkhead/fair_pool.hpp>

using namespace bulkhead;
using Pool = FairPool<128>;

TEST_CASE("a greedy domain leaves the others what they were promised", "[event]") {
    Pool pool{42, 16};
    REQUIRE(pool.join(DomId{1}));
    REQUIRE(pool.join(DomId{2}));
    CHECK_FALSE(pool.join(DomId{2}));
    CHECK_FALSE(pool.join(DomId{3}));

    std::set<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < 26; ++i) {
        const auto item = pool.take(DomId{1});
        REQUIRE(item);
        CHECK(*item < 42);
        CHECK(seen.insert(*item).second);
    }
    CHECK_FALSE(pool.take(DomId{1}));
    for (std::uint32_t i = 0; i < 16; ++i) {
        REQUIRE(seen.insert(*pool.take(DomId{2})).second);
    }
    CHECK_FALSE(pool.take(DomId{2}));
    CHECK(pool.free() == 0);

    pool.give_back(DomId{1}, 5); // beyond the first one's promise: anybody's
    CHECK(*pool.take(DomId{2}) == 5);
}

TEST_CASE("things come back and promises with them", "[event]") {
    Pool pool{16, 16};
    CHECK_FALSE(pool.take(DomId{7}));
    REQUIRE(pool.join(DomId{7}));
    CHECK(*pool.take(DomId{7}) == 0);
    CHECK(pool.used_by(DomId{7}) == 1);
    pool.give_back(DomId{7}, 0);
    pool.leave(DomId{7});
    CHECK_FALSE(pool.take(DomId{7}));
    CHECK(pool.join(DomId{8}));
    CHECK(pool.free() == 16);
    CHECK(Pool{1000, 1}.size() == 128);
}

TEST_CASE("whoever has not had what was promised can always have one more", "[event][property]") {
    for (std::uint32_t seed = 1; seed <= 30; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random{seed};
        Pool pool{70, 6};
        std::vector<std::vector<std::uint32_t>> held(12);
        std::vector<bool> joined(12);
        std::set<std::uint32_t> all;
        for (int i = 0; i < 4000; ++i) {
            const auto d = static_cast<std::uint16_t>(1 + random() % 11);
            if (!joined[d]) {
                joined[d] = pool.join(DomId{d});
            } else if (held[d].empty() && random() % 8 == 0) {
                pool.leave(DomId{d});
                joined[d] = false;
            } else if (random() % 5 < 3) {
                const auto item = pool.take(DomId{d});
                REQUIRE((item || held[d].size() >= 6));
                if (item) {
                    REQUIRE(*item < 70);
                    REQUIRE(all.insert(*item).second);
                    held[d].push_back(*item);
                }
            } else if (!held[d].empty()) {
                pool.give_back(DomId{d}, held[d].back());
                all.erase(held[d].back());
                held[d].pop_back();
            }
            REQUIRE(pool.free() == 70 - all.size());
            REQUIRE(pool.used_by(DomId{d}) == held[d].size());
        }
    }
}
