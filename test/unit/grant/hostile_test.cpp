// SPDX-License-Identifier: Apache-2.0
// Invariant 4: with everything that the grant component holds, but code of its own choice, nobody reaches a page that
// its owner has not offered to that very peer with those rights. The kernel is the real one.
// REQ-GRANT-005 REQ-GRANT-007
#include <algorithm>
#include <random>

#include "domains.hpp"

using namespace bulkhead;
using namespace bulkhead::grant;
using bulkhead::grant::test::entry_of;
using bulkhead::grant::test::World;

namespace {

/// Domain 1 offers page 5 to domain 2 for reading, page 6 for reading and writing, and nothing to domain 3, with which
/// the component conspires.
struct Fixture : World {
    static constexpr std::uint32_t read_ref = 8, write_ref = 9;

    Fixture() {
        for (std::uint32_t id = 1; id <= domains; ++id) {
            add(id);
        }
        entry(1, read_ref) = entry_of(2, 5, GTF_permit_access | GTF_readonly);
        entry(1, write_ref) = entry_of(2, 6);
        for (std::uint64_t frame = 0; frame < ram_pages; ++frame) {
            *static_cast<std::uint64_t*>(page(1, frame)) = secret + frame;
        }
    }
    bool of_domain_1(const void* where_it_is, Selector region, std::uint64_t& frame) {
        const auto bytes = machine.memory_of(builder, region);
        const auto* const at = static_cast<const std::uint8_t*>(where_it_is);
        frame = static_cast<std::uint64_t>(at - bytes.data()) / page_size;
        return at >= bytes.data() && at < bytes.data() + bytes.size();
    }
    /// No space shows a page of domain 1 that it should not.
    void check_spaces() {
        check_space(machine.leaves(grant, slot::address_space), 0);
        for (const std::uint32_t id : {2u, 3u}) {
            check_space(machine.leaves(builder, stage2(id)), id);
            check_space(machine.leaves(builder, window_space(id)), id);
        }
        check_space(machine.leaves(builder, window_space(1)), 1);
    }
    void check_space(const std::vector<sim::Machine::Leaf>& leaves, std::uint32_t id) {
        for (const auto& leaf : leaves) {
            std::uint64_t frame = 0;
            CHECK_FALSE(of_domain_1(leaf.memory, table(1), frame));
            if (!of_domain_1(leaf.memory, ram(1), frame)) {
                continue;
            }
            INFO("frame " << frame << " at " << leaf.address << " of domain " << id);
            CHECK(id == 2);
            CHECK((frame == 6 || (frame == 5 && !leaf.writable)));
            CHECK_FALSE(leaf.executable);
        }
    }
    /// The table still says what domain 1 wrote, but for the marks.
    void check_table() {
        for (std::uint32_t ref = 0; ref < table_frames * entries_per_frame; ++ref) {
            const std::uint64_t written = ref == read_ref    ? entry_of(2, 5, GTF_permit_access | GTF_readonly)
                                          : ref == write_ref ? entry_of(2, 6)
                                                             : 0;
            REQUIRE((entry(1, ref) & ~std::uint64_t{GTF_reading | GTF_writing}) == written);
        }
    }

    static constexpr std::uint64_t secret = 0x5ec4e700;
};

constexpr std::uint64_t where = 0x40'0000;

} // namespace

TEST_CASE_METHOD(Fixture, "a hostile grant component, by what one would try first", "[grant]") {
    const Selector offers = offers_slot(DomId{1});
    machine.run_as(grant, [&] {
        const Selector own{1100};
        const auto to = [](std::uint32_t id) { return stage2_slot(DomId{static_cast<std::uint16_t>(id)}); };
        const auto track = [](std::uint32_t id) { return track_slot(DomId{static_cast<std::uint16_t>(id)}); };
        // For the conspirator, for itself, for writing, and what is not offered at all.
        for (std::uint32_t ref = 0; ref < 32; ++ref) {
            CHECK(sys::offers_map(offers, ref, false, to(3), track(3), where, Selector{1}) != Status::ok);
            CHECK(sys::offers_map(offers, ref, false, monitor_slot(DomId{3}), track(3), where, Selector{1}) !=
                  Status::ok);
            CHECK(sys::offers_map(offers, ref, false, slot::address_space, track(3), where, Selector{1}) ==
                  Status::no_right);
            if (ref != read_ref && ref != write_ref) {
                CHECK(sys::offers_map(offers, ref, false, to(2), track(2), where, Selector{1}) == Status::no_right);
            }
        }
        CHECK(sys::offers_map(offers, read_ref, true, to(2), track(2), where, Selector{1}) == Status::no_right);
        // What is offered, for whom it is offered: but it can be put nowhere else.
        REQUIRE(sys::offers_map(offers, write_ref, true, to(2), track(2), where, Selector{1}) == Status::ok);
        REQUIRE(sys::offers_map(offers, write_ref, true, to(2), slot::cap_space, where + page_size, own) == Status::ok);
        CHECK(sys::map(own, slot::address_space, where, Rights::read) == Status::no_right);
        CHECK(sys::map(own, to(3), where, Rights::read) == Status::no_right);
        CHECK(sys::mint(slot::cap_space, Selector{1101}, own, Rights::all) == Status::no_right);
        REQUIRE(sys::unmap(own) == Status::ok);
        CHECK(sys::map(own, slot::address_space, where, Rights::read) == Status::no_right);
        // New names for the destinations, and the Offers anew.
        CHECK(sys::mint_badge(slot::cap_space, Selector{1102}, to(3), Rights::write, 2) == Status::no_right);
        CHECK(sys::mint_badge(slot::cap_space, Selector{1102}, slot::address_space, Rights::all, 2) ==
              Status::no_right);
        CHECK(sys::offers_configure(offers, own, to(1), own, no_selector) == Status::no_right);
        // The table read in another way: two entries of it would be another one.
        for (const OfferFormat format : {OfferFormat::closed, OfferFormat::version_1, OfferFormat::version_2}) {
            CHECK(sys::offers_format(offers, format) == Status::no_right);
        }
        // The peer's guest-physical space itself.
        CHECK(sys::stage2_unmap(to(2), GuestPhys{0}, 1) == Status::no_right);
    });
    check_spaces();
    check_table();
}

TEST_CASE_METHOD(Fixture, "a hostile grant component that tries everything", "[grant]") {
    std::mt19937_64 random{4};
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    const auto any_slot = [&]() -> std::uint64_t {
        const std::uint64_t bases[] = {128, 256, 384, 512};
        return below(4) != 0 ? bases[below(4)] + 1 + below(3) : below(5) == 0 ? below(1152) : 1100 + below(16);
    };
    const auto any_argument = [&]() -> std::uint64_t {
        switch (below(8)) {
        case 0:
            return any_slot() | any_slot() << 32;
        case 1:
            return any_slot() | below(64) << 32;
        case 2:
            return where + below(16) * page_size;
        case 3:
            return below(16);
        case 4:
            return below(1024) | (below(2) != 0 ? offer_write : 0);
        case 5:
            return (below(4)) | mint_badged;
        case 6:
            return below(2) != 0 ? read_ref : write_ref | offer_write;
        default:
            return any_slot();
        }
    };
    std::uint64_t mapped = 0;
    for (int i = 0; i < 150'000; ++i) {
        const auto method = static_cast<Method>(below(static_cast<std::uint64_t>(Method::count)));
        // Its own space and thread are left alone: what a component does to itself ends the test and shows nothing.
        if (method == Method::thread_stop || method == Method::thread_configure) {
            continue;
        }
        const std::uint64_t kind = below(4);
        machine.run_as(grant, [&] {
            if (kind == 1 && below(3) == 0) { // making room
                (void)sys::remove(Selector{static_cast<std::uint32_t>(1 + below(60))},
                                  Selector{static_cast<std::uint32_t>(256 + 1 + below(3))});
            } else if (kind != 0) { // well-formed but for who and where
                const std::uint64_t to = (below(2) != 0 ? 384 : 512) + 1 + below(3);
                const std::uint64_t slots = below(4) == 0 ? 1 : 256 + 1 + below(3);
                const auto done =
                    sys::invoke_status(offers_slot(DomId{static_cast<std::uint16_t>(1 + below(3))}), Method::offers_map,
                                       below(12) | (below(2) != 0 ? offer_write : 0), to | slots << 32,
                                       where + below(64) * page_size, slots == 1 ? 1100 + below(16) : 1 + below(60));
                mapped += done == Status::ok ? 1u : 0u;
            } else {
                const Selector object{static_cast<std::uint32_t>(below(3) == 0 ? 1 : any_slot())};
                const std::uint64_t a = any_argument();
                // What it gives up it cannot use any more: that only now and then.
                const std::uint64_t victim = a & 0xffff'ffff;
                const bool spares_itself =
                    object != slot::cap_space || victim >= 1024 || (victim > 16 && below(200) == 0);
                if (spares_itself) {
                    (void)sys::invoke_status(object, method, a, any_argument(), any_argument(), any_argument());
                }
            }
        });
        if (i % 500 == 0) {
            check_spaces();
        }
    }
    CHECK(mapped > 20); // it was not all refused
    check_spaces();
    check_table();
    for (std::uint64_t frame = 0; frame < ram_pages; ++frame) {
        CHECK(*static_cast<std::uint64_t*>(page(1, frame)) == secret + frame);
    }
}
