// SPDX-License-Identifier: Apache-2.0
// The domains' page bits: one piece of memory, no holes, nobody's bits in anybody else's.
// REQ-MEMORY-002
#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "page_bits.hpp"

using namespace bulkhead;
using bulkhead::memory::PageBits;

TEST_CASE("bits of random domains survive each other", "[memory][property]") {
    std::vector<std::uint64_t> storage(40, ~std::uint64_t{0}); // whatever was there before
    PageBits bits{storage};
    std::map<std::uint16_t, std::pair<std::uint64_t, std::set<std::uint64_t>>> model;
    std::mt19937 random{7};
    std::uint64_t used = 0;
    for (int i = 0; i < 5000; ++i) {
        const auto d = static_cast<std::uint16_t>(1 + random() % 6);
        const auto found = model.find(d);
        if (found == model.end()) {
            const std::uint64_t pages = 1 + random() % 900;
            const bool fits = PageBits::words_for(pages) <= storage.size() - used;
            REQUIRE(bits.add(DomId{d}, pages) == fits);
            if (fits) {
                model[d] = {pages, {}};
                used += PageBits::words_for(pages);
            }
        } else if (random() % 8 == 0) {
            bits.remove(DomId{d});
            used -= PageBits::words_for(found->second.first);
            model.erase(found);
        } else {
            REQUIRE_FALSE(bits.add(DomId{d}, 1));
            const std::uint64_t bit = random() % found->second.first;
            bits.set(DomId{d}, bit);
            found->second.second.insert(bit);
        }
        REQUIRE(bits.free_words() == storage.size() - used);
        for (const auto& [id, domain] : model) {
            for (std::uint64_t bit = 0; bit < domain.first; bit += 1 + random() % 40) {
                REQUIRE(bits.test(DomId{id}, bit) == (domain.second.count(bit) != 0));
            }
        }
    }
}
