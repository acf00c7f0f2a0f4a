// SPDX-License-Identifier: Apache-2.0
// XENMEM's effects on a domain's guest-physical address space, over a fake stage 2 that maps one thing per frame.
// REQ-MEMORY-002
#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "physmap.hpp"

using namespace bulkhead;
using namespace bulkhead::memory;

namespace {

/// Frames of stage 2 hold RAM, nothing, or what is in a slot.
struct FakeStage2 final : Stage2Access {
    static constexpr std::uint32_t ram = ~std::uint32_t{0};
    std::map<std::pair<std::uint16_t, std::uint64_t>, std::uint32_t> mapped;
    std::map<std::uint32_t, std::uint32_t> fetched; ///< slot -> frame
    std::int32_t fetch_error{0}, map_error{0}, unmap_error{0};
    std::uint32_t no_frame_from{max_grant_frames + 1};

    std::int32_t fetch(DomId, Frame frame, Selector slot) override {
        if (fetch_error != 0 || frame.value >= no_frame_from) {
            return fetch_error != 0 ? fetch_error : -XEN_EINVAL;
        }
        REQUIRE(fetched.emplace(slot.value, frame.value).second);
        return 0;
    }
    std::int32_t map(DomId domain, Selector slot, Gfn gfn) override {
        REQUIRE(fetched.count(slot.value) == 1);
        if (map_error == 0) {
            mapped[{domain.value, gfn.value}] = slot.value;
        }
        return map_error;
    }
    void drop(Selector slot) override {
        REQUIRE(fetched.erase(slot.value) == 1);
        for (auto it = mapped.begin(); it != mapped.end();) {
            it = it->second == slot.value ? mapped.erase(it) : std::next(it);
        }
    }
    std::int32_t unmap(DomId domain, Gfn first, std::uint64_t pages) override {
        if (unmap_error == 0) {
            for (std::uint64_t i = 0; i < pages; ++i) {
                mapped.erase({domain.value, first.value + i});
            }
        }
        return unmap_error;
    }
    /// The special frame there; -1: RAM; -2: nothing.
    int at(DomId domain, std::uint64_t gfn) const {
        const auto found = mapped.find({domain.value, gfn});
        return found == mapped.end() ? -2 : found->second == ram ? -1 : static_cast<int>(fetched.at(found->second));
    }
};

struct Fixture {
    FakeStage2 stage2;
    std::vector<std::uint64_t> bits = std::vector<std::uint64_t>(64);
    static constexpr std::uint32_t slots = 3 * Physmap::promised_specials;
    std::unique_ptr<Physmap> physmap = std::make_unique<Physmap>(stage2, bits, Selector{2000}, slots);
    DomId d{3};

    Fixture() { add(d, {{Gfn{0}, 1024}, {Gfn{0x10'0000}, 64}}); }
    void add(DomId domain, std::vector<RamRange> ram) {
        REQUIRE(physmap->add_domain(domain, ram, Gfn{0}) == 0);
        for (const RamRange& range : ram) {
            for (std::uint64_t i = 0; i < range.pages; ++i) {
                stage2.mapped[{domain.value, range.first.value + i}] = FakeStage2::ram;
            }
        }
    }
};

} // namespace

TEST_CASE_METHOD(Fixture, "bad domains are refused", "[memory]") {
    const std::vector<RamRange> one{{Gfn{0}, 16}};
    CHECK(physmap->add_domain(d, one, Gfn{0}) == -XEN_EEXIST);
    CHECK(physmap->add_domain(DomId{0}, one, Gfn{0}) == -XEN_EINVAL);
    CHECK(physmap->add_domain(DomId{65}, one, Gfn{0}) == -XEN_EINVAL);
    CHECK(physmap->add_domain(DomId{1}, {}, Gfn{0}) == -XEN_EINVAL);
    CHECK(physmap->add_domain(DomId{1}, one, Gfn{Physmap::gfn_limit}) == -XEN_EINVAL);
    CHECK(physmap->add_domain(DomId{1}, std::vector<RamRange>{{Gfn{0}, 0}}, Gfn{0}) == -XEN_EINVAL);
    CHECK(physmap->add_domain(DomId{1}, std::vector<RamRange>{{Gfn{9}, 4}, {Gfn{12}, 4}}, Gfn{0}) == -XEN_EINVAL);
    CHECK(physmap->add_domain(DomId{1}, std::vector<RamRange>{{Gfn{1}, Physmap::gfn_limit}}, Gfn{0}) == -XEN_EINVAL);
    CHECK(physmap->add_domain(DomId{1}, std::vector<RamRange>{{Gfn{0}, 1u << 20}}, Gfn{0}) == -XEN_ENOMEM);
    CHECK_FALSE(physmap->has(DomId{1}));
    CHECK(physmap->add(DomId{1}, shared_info_frame, Gfn{1}) == -XEN_ESRCH);
    CHECK(physmap->remove(DomId{1}, Gfn{1}) == -XEN_ESRCH);
    CHECK(physmap->max_gfn(d) == Gfn{0x10'003f});
}

TEST_CASE_METHOD(Fixture, "shared_info over RAM, and moved", "[memory]") {
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{0x10}) == 0);
    CHECK(stage2.at(d, 0x10) == 0);
    CHECK(physmap->pages(d) == 1024 + 64 - 1);
    CHECK(physmap->max_pages(d) == 1024 + 64);
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{0x10}) == 0); // again in the same place
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{0x20'0000}) == 0);
    CHECK(stage2.at(d, 0x10) == -2);
    CHECK(stage2.at(d, 0x20'0000) == 0);
    CHECK(stage2.fetched.size() == 1);
    CHECK(physmap->pages(d) == 1024 + 64 - 1); // the RAM under the first place does not come back
    CHECK(physmap->max_gfn(d) == Gfn{0x20'0000});
    CHECK(physmap->add(d, shared_info_frame, Gfn{Physmap::gfn_limit}) == -XEN_EINVAL);
    CHECK(physmap->add(d, grant_frame(max_grant_frames), Gfn{5}) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Fixture, "one special frame displaces another", "[memory]") {
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{7}) == 0);
    REQUIRE(physmap->add(d, grant_frame(0), Gfn{7}) == 0);
    CHECK(stage2.at(d, 7) == 1);
    CHECK(stage2.fetched.size() == 1);
    CHECK(physmap->place(d, shared_info_frame) == Physmap::nowhere);
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{8}) == 0);
    CHECK(stage2.at(d, 8) == 0);
    CHECK(stage2.at(d, 7) == 1);
}

TEST_CASE_METHOD(Fixture, "what fails changes nothing", "[memory]") {
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{7}) == 0);
    SECTION("no capability") {
        stage2.fetch_error = -XEN_ENOMEM;
    }
    SECTION("no page table") {
        stage2.map_error = -XEN_ENOMEM;
    }
    CHECK(physmap->add(d, shared_info_frame, Gfn{8}) == -XEN_ENOMEM);
    CHECK(stage2.at(d, 7) == 0);
    CHECK(stage2.at(d, 8) == -1);
    CHECK(physmap->pages(d) == 1024 + 64 - 1);
    CHECK(stage2.fetched.size() == 1);
    CHECK(physmap->free_slots() == slots - 1);
}

TEST_CASE_METHOD(Fixture, "a frame that the grant table does not have", "[memory]") {
    stage2.no_frame_from = 2;
    CHECK(physmap->add(d, grant_frame(0), Gfn{0x3000}) == 0);
    CHECK(physmap->add(d, grant_frame(1), Gfn{0x3001}) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Fixture, "a domain that maps all it can leaves the others their slots", "[memory]") {
    add(DomId{4}, {{Gfn{0}, 64}});
    std::uint32_t frames = 0;
    while (physmap->add(d, grant_frame(frames), Gfn{0x3000 + frames}) == 0) {
        ++frames;
    }
    CHECK(frames == slots - Physmap::promised_specials);
    CHECK(physmap->add(d, grant_frame(frames), Gfn{0x4000}) == -XEN_ENOMEM);
    CHECK(physmap->add(d, grant_frame(0), Gfn{0x4000}) == -XEN_ENOMEM); // not even moved: both places would exist
    CHECK(stage2.at(d, 0x3000) == 1);
    for (std::uint32_t i = 0; i < Physmap::promised_specials; ++i) {
        CHECK(physmap->add(DomId{4}, Frame{i}, Gfn{i}) == 0);
    }
    CHECK(physmap->add_domain(DomId{5}, std::vector<RamRange>{{Gfn{0}, 64}}, Gfn{0}) == -XEN_ENOMEM);
    physmap->remove_domain(d);
    CHECK(stage2.fetched.size() == Physmap::promised_specials);
    physmap->remove_domain(d);
    CHECK(physmap->add_domain(DomId{5}, std::vector<RamRange>{{Gfn{0}, 64}}, Gfn{0}) == 0);
}

TEST_CASE_METHOD(Fixture, "remove_from_physmap", "[memory]") {
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{7}) == 0);
    CHECK(physmap->remove(d, Gfn{7}) == 0);
    CHECK(stage2.at(d, 7) == -2);
    CHECK(physmap->remove(d, Gfn{7}) == -XEN_ENOENT);
    CHECK(physmap->remove(d, Gfn{9}) == 0);
    CHECK(physmap->remove(d, Gfn{9}) == -XEN_ENOENT);
    CHECK(physmap->pages(d) == 1024 + 64 - 1); // only what shared_info replaced was given back
    CHECK(physmap->remove(d, Gfn{2000}) == -XEN_ENOENT);
    CHECK(physmap->remove(d, Gfn{~std::uint64_t{0}}) == -XEN_ENOENT);
    stage2.unmap_error = -XEN_ENOMEM;
    CHECK(physmap->remove(d, Gfn{10}) == -XEN_ENOMEM);
    stage2.unmap_error = 0;
    CHECK(physmap->remove(d, Gfn{10}) == 0);
}

TEST_CASE_METHOD(Fixture, "decrease_reservation", "[memory]") {
    using Extents = std::vector<std::uint64_t>;
    CHECK(physmap->decrease(d, Extents{5, 6, 0x10'0001}, 0) == 3);
    CHECK(physmap->pages(d) == 1024 + 64 - 3);
    CHECK(stage2.at(d, 5) == -2);
    CHECK(stage2.at(d, 0x10'0001) == -2);
    CHECK(physmap->decrease(d, Extents{7, 5, 8}, 0) == 1); // the second is gone already: the third is not tried
    CHECK(stage2.at(d, 8) == -1);
    CHECK(physmap->decrease(d, Extents{512}, 9) == 1);
    CHECK(physmap->pages(d) == 1024 + 64 - 4 - 512);
    CHECK(physmap->decrease(d, Extents{0}, 9) == 0); // not wholly there
    CHECK(stage2.at(d, 0) == -1);
    CHECK(physmap->decrease(d, Extents{0}, 10) == 0);
    CHECK(physmap->decrease(d, Extents{0}, 0xffff'ffff) == 0);
    CHECK(physmap->decrease(d, Extents{~std::uint64_t{0}}, 0) == 0);
    CHECK(physmap->decrease(d, Extents{Physmap::gfn_limit - 1}, 9) == 0);
    CHECK(physmap->decrease(d, Extents{}, 0) == 0);
    CHECK(physmap->decrease(DomId{9}, Extents{0}, 0) == 0);
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{33}) == 0);
    CHECK(physmap->decrease(d, Extents{32}, 1) == 1); // with the special page in it
    CHECK(stage2.at(d, 33) == -2);
    CHECK(physmap->place(d, shared_info_frame) == Physmap::nowhere);
    stage2.unmap_error = -XEN_ENOMEM;
    CHECK(physmap->decrease(d, Extents{100}, 0) == 0);
    CHECK(physmap->pages(d) == 1024 + 64 - 4 - 512 - 1 - 1);
}

TEST_CASE("random operations agree with a map of frames", "[memory][property]") {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        Fixture f;
        std::map<std::uint64_t, int> model;
        for (std::uint64_t gfn = 0; gfn < 1088; ++gfn) {
            model[gfn < 1024 ? gfn : 0x10'0000 + gfn - 1024] = -1;
        }
        const auto at = [&](std::uint64_t gfn) { return model.count(gfn) != 0 ? model[gfn] : -2; };
        std::mt19937 random{seed};
        std::uint64_t pages = 1088;
        for (int i = 0; i < 800; ++i) {
            const std::uint64_t gfn = random() % 3 == 0 ? 0x10'0000 - 8 + random() % 80 : random() % 64;
            const auto frame = static_cast<std::uint32_t>(random() % 5);
            if (random() % 3 == 0) {
                REQUIRE(f.physmap->add(f.d, Frame{frame}, Gfn{gfn}) == 0);
                pages -= at(gfn) == -1 ? 1u : 0u;
                for (auto it = model.begin(); it != model.end();) {
                    it = it->second == static_cast<int>(frame) ? model.erase(it) : std::next(it);
                }
                model[gfn] = static_cast<int>(frame);
            } else if (random() % 2 == 0) {
                REQUIRE(f.physmap->remove(f.d, Gfn{gfn}) == (at(gfn) == -2 ? -XEN_ENOENT : 0));
                model.erase(gfn);
            } else {
                const auto order = static_cast<std::uint32_t>(random() % 3);
                bool whole = true;
                for (std::uint64_t j = gfn; j < gfn + (1u << order); ++j) {
                    whole = whole && at(j) != -2;
                }
                REQUIRE(f.physmap->decrease(f.d, std::vector<std::uint64_t>{gfn}, order) == (whole ? 1u : 0u));
                for (std::uint64_t j = gfn; whole && j < gfn + (1u << order); ++j) {
                    pages -= at(j) == -1 ? 1u : 0u;
                    model.erase(j);
                }
            }
            REQUIRE(f.physmap->pages(f.d) == pages);
            for (std::uint64_t j = 0; j < 70; ++j) {
                REQUIRE(f.stage2.at(f.d, j) == at(j));
                REQUIRE(f.stage2.at(f.d, 0x10'0000 - 8 + j) == at(0x10'0000 - 8 + j));
            }
        }
    }
}
