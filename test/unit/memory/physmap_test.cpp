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
    std::uint32_t no_frame_from{special_frames};

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
    CHECK(physmap->add(d, grant_status_frame(max_grant_status_frames - 1), Gfn{0x20'0001}) == 0);
    CHECK(physmap->add(d, grant_status_frame(max_grant_status_frames), Gfn{5}) == -XEN_EINVAL);
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

TEST_CASE_METHOD(Fixture, "populate_physmap brings pages back where they began", "[memory]") {
    using Extents = std::vector<std::uint64_t>;
    Moves moves;
    constexpr std::uint64_t all = 1024 + 64;
    CHECK(physmap->populate(d, Extents{5}, 0, moves) == 0); // it has all it may have
    REQUIRE(physmap->decrease(d, Extents{5, 6, 0x10'0001}, 0) == 3);
    CHECK(physmap->populate(d, Extents{0x10'0001, 7, 5}, 0, moves) == 1); // the second is there
    CHECK(moves.runs().empty());
    CHECK(physmap->pages(d) == all - 2);
    CHECK(physmap->populate(d, Extents{4}, 1, moves) == 0);
    CHECK(physmap->populate(d, Extents{5}, 1, moves) == 1); // no alignment is asked for
    CHECK(physmap->pages(d) == all);
    REQUIRE(physmap->decrease(d, Extents{512}, 9) == 1);
    CHECK(physmap->populate(d, Extents{512}, 10, moves) == 0);
    CHECK(physmap->populate(d, Extents{512, 512}, 9, moves) == 1);
    CHECK(physmap->pages(d) == all);
    CHECK(physmap->populate(DomId{9}, Extents{0}, 0, moves) == 0);
    CHECK(physmap->populate(d, Extents{}, 0, moves) == 0);
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{9}) == 0);
    CHECK(physmap->populate(d, Extents{9}, 0, moves) == 0); // something is there
    CHECK(physmap->populate(d, Extents{Physmap::gfn_limit}, 0, moves) == 0);
    CHECK(physmap->populate(d, Extents{~std::uint64_t{0}}, 0, moves) == 0);
}

TEST_CASE_METHOD(Fixture, "populate_physmap elsewhere takes frames that were given back", "[memory]") {
    using Extents = std::vector<std::uint64_t>;
    Moves moves;
    REQUIRE(physmap->decrease(d, Extents{64}, 5) == 1);
    REQUIRE(physmap->populate(d, Extents{0x5000, 0x5001, 0x6000}, 0, moves) == 3);
    REQUIRE(moves.runs().size() == 2);
    CHECK(moves.runs()[0].gfn == Gfn{0x5000});
    CHECK(moves.runs()[0].frame == Gfn{64});
    CHECK(moves.runs()[0].pages == 2);
    CHECK(moves.runs()[1].frame == Gfn{66});
    CHECK(physmap->max_gfn(d) == Gfn{0x10'003f});
    SECTION("home pages of an extent are not given away for its others") {
        REQUIRE(physmap->decrease(d, Extents{1023}, 0) == 1);
        REQUIRE(physmap->populate(d, Extents{1023}, 2, moves) == 1);
        REQUIRE(moves.runs().size() == 1);
        CHECK(moves.runs()[0].gfn == Gfn{1024});
        CHECK(moves.runs()[0].frame == Gfn{67});
        CHECK(moves.runs()[0].pages == 3);
    }
    SECTION("where a page began while it is elsewhere, another one comes") {
        REQUIRE(physmap->populate(d, Extents{64}, 0, moves) == 1);
        REQUIRE(moves.runs().size() == 1);
        CHECK(moves.runs()[0].frame == Gfn{67});
        REQUIRE(physmap->decrease(d, Extents{0x5000}, 0) == 1); // frame 64 is free again
        REQUIRE(physmap->populate(d, Extents{0x7000}, 0, moves) == 1);
        CHECK(moves.runs()[0].frame == Gfn{64});
    }
    SECTION("a page elsewhere is given back, removed and replaced like any") {
        CHECK(physmap->remove(d, Gfn{0x6000}) == 0);
        CHECK(physmap->remove(d, Gfn{0x6000}) == -XEN_ENOENT);
        const std::uint64_t pages = physmap->pages(d);
        REQUIRE(physmap->add(d, shared_info_frame, Gfn{0x5001}) == 0);
        CHECK(physmap->pages(d) == pages - 1);
        CHECK(physmap->populate(d, Extents{0x5001}, 0, moves) == 0);
        CHECK(physmap->decrease(d, Extents{0x5000}, 1) == 1);
        CHECK(physmap->pages(d) == pages - 2);
    }
    SECTION("too many pieces: fewer extents are done, and what was not done is free") {
        REQUIRE(physmap->decrease(d, Extents{128}, 5) == 1);
        Extents scattered;
        for (std::uint64_t i = 0; i < 64; ++i) {
            scattered.push_back(0x8000 + 2 * i);
        }
        CHECK(physmap->populate(d, scattered, 0, moves) == Moves::max_runs);
        CHECK(physmap->populate(d, std::span{scattered}.subspan(Moves::max_runs), 0, moves) ==
              MovedPages::max_runs - Moves::max_runs - 2);
        const std::uint64_t pages = physmap->pages(d);
        CHECK(physmap->populate(d, Extents{0x9000}, 0, moves) == 0);
        CHECK(physmap->pages(d) == pages);
        CHECK(physmap->populate(d, Extents{80}, 0, moves) == 0); // began here, but is elsewhere
        CHECK(physmap->populate(d, Extents{150}, 0, moves) == 1);
    }
}

TEST_CASE_METHOD(Fixture, "increase_reservation: pages that are nowhere", "[memory]") {
    Moves moves;
    CHECK(physmap->increase(d, 1, 0) == 0);
    REQUIRE(physmap->decrease(d, std::vector<std::uint64_t>{0}, 3) == 1);
    CHECK(physmap->increase(d, 3, 2) == 2);
    CHECK(physmap->increase(d, ~std::uint64_t{0}, 0) == 0);
    CHECK(physmap->populate(d, std::vector<std::uint64_t>{0}, 0, moves) == 0);
    CHECK(physmap->increase(d, 1, 10) == 0);
    CHECK(physmap->increase(DomId{9}, 1, 0) == 0);
}

TEST_CASE_METHOD(Fixture, "a page moves", "[memory]") {
    Gfn frame{};
    REQUIRE(physmap->move(d, Gfn{5}, Gfn{0x5000}, frame) == 0);
    CHECK(frame == Gfn{5});
    CHECK(stage2.at(d, 5) == -2);
    CHECK(physmap->pages(d) == 1024 + 64);
    CHECK(physmap->move(d, Gfn{5}, Gfn{0x5001}, frame) == -XEN_EINVAL);
    REQUIRE(physmap->move(d, Gfn{0x5000}, Gfn{6}, frame) == 0); // over RAM, which is given back
    CHECK(frame == Gfn{5});
    CHECK(physmap->pages(d) == 1024 + 64 - 1);
    REQUIRE(physmap->move(d, Gfn{6}, Gfn{5}, frame) == 0); // home
    CHECK(frame == Gfn{5});
    CHECK(physmap->decrease(d, std::vector<std::uint64_t>{5}, 0) == 1);
    CHECK(physmap->move(d, Gfn{7}, Gfn{7}, frame) == 0);
    CHECK(physmap->move(d, Gfn{7}, Gfn{Physmap::gfn_limit}, frame) == -XEN_EINVAL);
    CHECK(physmap->move(DomId{9}, Gfn{7}, Gfn{8}, frame) == -XEN_ESRCH);
    REQUIRE(physmap->add(d, shared_info_frame, Gfn{20}) == 0);
    CHECK(physmap->move(d, Gfn{20}, Gfn{21}, frame) == -XEN_EINVAL);
    REQUIRE(physmap->move(d, Gfn{7}, Gfn{20}, frame) == 0);
    CHECK(physmap->place(d, shared_info_frame) == Physmap::nowhere);
    stage2.unmap_error = -XEN_ENOMEM;
    CHECK(physmap->move(d, Gfn{30}, Gfn{31}, frame) == -XEN_ENOMEM);
    stage2.unmap_error = 0;
    CHECK(physmap->remove(d, Gfn{30}) == 0);
    CHECK(physmap->remove(d, Gfn{31}) == 0);
}

TEST_CASE("random operations agree with a map of frames", "[memory][property]") {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        Fixture f;
        // Frame number -> special frame, or the page of RAM by where it began.
        struct There {
            int special;
            std::uint64_t home;
        };
        std::map<std::uint64_t, There> model;
        for (std::uint64_t n = 0; n < 1088; ++n) {
            const std::uint64_t gfn = n < 1024 ? n : 0x10'0000 + n - 1024;
            model[gfn] = {-1, gfn};
        }
        std::mt19937 random{seed};
        std::uint64_t pages = 1088;
        // What the caller of populate and move does in stage 2: no frame may be in two places.
        const auto bring = [&](std::uint64_t gfn, std::uint64_t home) {
            for (const auto& [place, there] : model) {
                REQUIRE((there.special != -1 || there.home != home));
            }
            model[gfn] = {-1, home};
            f.stage2.mapped[{f.d.value, gfn}] = FakeStage2::ram;
        };
        for (int i = 0; i < 800; ++i) {
            const std::uint64_t gfn = random() % 3 == 0 ? 0x10'0000 - 8 + random() % 80 : random() % 64;
            const auto frame = static_cast<std::uint32_t>(random() % 5);
            const auto order = static_cast<std::uint32_t>(random() % 3);
            const std::uint64_t count = 1u << order;
            std::uint64_t present = 0;
            for (std::uint64_t j = gfn; j < gfn + count; ++j) {
                present += model.count(j);
            }
            const bool was_ram = model.count(gfn) != 0 && model[gfn].special == -1;
            switch (random() % 6) {
            case 0:
                REQUIRE(f.physmap->add(f.d, Frame{frame}, Gfn{gfn}) == 0);
                pages -= was_ram ? 1u : 0u;
                for (auto it = model.begin(); it != model.end();) {
                    it = it->second.special == static_cast<int>(frame) ? model.erase(it) : std::next(it);
                }
                model[gfn] = {static_cast<int>(frame), 0};
                break;
            case 1:
                REQUIRE(f.physmap->remove(f.d, Gfn{gfn}) == (model.count(gfn) == 0 ? -XEN_ENOENT : 0));
                model.erase(gfn);
                break;
            case 2:
                REQUIRE(f.physmap->decrease(f.d, std::vector<std::uint64_t>{gfn}, order) ==
                        (present == count ? 1u : 0u));
                for (std::uint64_t j = gfn; present == count && j < gfn + count; ++j) {
                    pages -= model[j].special == -1 ? 1u : 0u;
                    model.erase(j);
                }
                break;
            case 3:
            case 4: {
                Moves moves;
                const std::uint64_t done = f.physmap->populate(f.d, std::vector<std::uint64_t>{gfn}, order, moves);
                REQUIRE((done == 0 || (present == 0 && pages + count <= 1088)));
                std::map<std::uint64_t, std::uint64_t> from;
                for (const MovedRun& run : moves.runs()) {
                    for (std::uint32_t j = 0; j < run.pages; ++j) {
                        from[run.gfn.value + j] = run.frame.value + j;
                    }
                }
                for (std::uint64_t j = gfn; done == 1 && j < gfn + count; ++j) {
                    bring(j, from.count(j) != 0 ? from[j] : j);
                }
                pages += done * count;
                break;
            }
            default: {
                const std::uint64_t to = random() % 100;
                Gfn home{};
                const std::int32_t result = f.physmap->move(f.d, Gfn{gfn}, Gfn{to}, home);
                REQUIRE((result == 0 || result == (was_ram ? -XEN_ENOMEM : -XEN_EINVAL)));
                if (result == 0 && to != gfn) {
                    REQUIRE(home.value == model[gfn].home);
                    pages -= model.count(to) != 0 && model[to].special == -1 ? 1u : 0u;
                    model.erase(gfn);
                    model.erase(to);
                    bring(to, home.value);
                }
            }
            }
            REQUIRE(f.physmap->pages(f.d) == pages);
            for (std::uint64_t j = 0; j < 100; ++j) {
                for (const std::uint64_t at : {j, 0x10'0000 - 8 + j}) {
                    REQUIRE(f.stage2.at(f.d, at) == (model.count(at) != 0 ? model[at].special : -2));
                }
            }
        }
    }
}
