// SPDX-License-Identifier: Apache-2.0
// Invariant 4: with everything that the grant component or a monitor holds, but code of its own choice, nobody reaches
// a page that its owner has not offered to that very peer with those rights. The kernel is the real one. REQ-GRANT-005
// REQ-GRANT-007
#include <algorithm>
#include <random>

#include "domains.hpp"

using namespace bulkhead;
using namespace bulkhead::grant;
using bulkhead::grant::test::entry_of;
using bulkhead::grant::test::World;

namespace {

/// Domain 1 offers page 5 to domain 2 for reading, page 6 for reading and writing, and nothing to domain 3. Whoever
/// attacks has all that it can have: the component's Offers, a monitor's places for pages and everybody's Offers.
struct Fixture : World {
    static constexpr std::uint32_t read_ref = 8, write_ref = 9;

    Fixture() {
        for (std::uint32_t id = 1; id <= domains; ++id) {
            add(id);
        }
        entry(1, read_ref) = entry_of(2, 5, GTF_permit_access | GTF_readonly);
        entry(1, write_ref) = entry_of(2, 6);
        entry(2, read_ref) = entry_of(3, 2);
        for (const std::uint32_t id : {2u, 3u}) {
            for (const std::uint32_t owner : {1u, 2u, 3u}) {
                (void)open(id, source, owner, 0); // refused, but now it has the Offers
            }
            close(id);
        }
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
        check_space(machine.leaves(monitor(2), slot::address_space), 0);
        check_space(machine.leaves(monitor(3), slot::address_space), 0);
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

/// In a monitor.
constexpr Selector offers_of(std::uint32_t owner) {
    return Selector{slot::offers_of_others.value + owner};
}

TEST_CASE_METHOD(Fixture, "a hostile monitor, by what one would try first", "[grant]") {
    constexpr Selector track = slot::foreign_pages;
    const auto both = {slot::offers_to_guest, slot::offers_to_monitor};
    machine.run_as(monitor(3), [&] { // to which nothing is offered
        for (std::uint32_t ref = 0; ref < 32; ++ref) {
            for (const Selector to : both) {
                CHECK(sys::offers_map(offers_of(1), ref, false, to, track, where, Selector{5}) == Status::no_right);
                CHECK(sys::offers_map(offers_of(1), ref, true, to, track, where, Selector{5}) == Status::no_right);
            }
            CHECK(sys::offers_map(offers_of(1), ref, false, slot::address_space, track, where, Selector{5}) ==
                  Status::no_right);
        }
        // Itself by another name, and the table read in another way: two entries of it would be another one.
        for (const Selector to : both) {
            CHECK(sys::mint_badge(slot::cap_space, Selector{1102}, to, Rights::write, 2) == Status::no_right);
        }
        CHECK(sys::offers_configure(offers_of(1), Selector{5}, slot::offers_to_guest, Selector{5}, no_selector) ==
              Status::no_right);
        for (const OfferFormat format : {OfferFormat::closed, OfferFormat::version_1, OfferFormat::version_2}) {
            CHECK(sys::offers_format(offers_of(1), format) == Status::no_right);
        }
        CHECK(sys::stage2_unmap(slot::offers_to_guest, GuestPhys{0}, 1) == Status::no_right);
    });
    machine.run_as(monitor(2), [&] { // to which two pages are
        const Selector own{1100};
        for (std::uint32_t ref = 0; ref < 32; ++ref) {
            if (ref != read_ref && ref != write_ref) {
                CHECK(sys::offers_map(offers_of(1), ref, false, slot::offers_to_guest, track, where, Selector{5}) ==
                      Status::no_right);
            }
        }
        CHECK(sys::offers_map(offers_of(1), read_ref, true, slot::offers_to_guest, track, where, Selector{5}) ==
              Status::no_right);
        REQUIRE(sys::offers_map(offers_of(1), write_ref, true, slot::offers_to_guest, slot::cap_space, where, own) ==
                Status::ok);
        // What stands for the page lets nobody have it elsewhere, nor for longer.
        CHECK(sys::map(own, slot::address_space, where, Rights::read) == Status::no_right);
        CHECK(sys::mint(slot::cap_space, Selector{1101}, own, Rights::all) == Status::no_right);
        REQUIRE(sys::unmap(own) == Status::ok);
        CHECK(sys::map(own, slot::address_space, where, Rights::read) == Status::no_right);
    });
    check_spaces();
    check_table();
}

TEST_CASE_METHOD(Fixture, "a hostile grant component has no place for anything", "[grant]") {
    machine.run_as(grant, [&] {
        for (std::uint32_t ref = 0; ref < 32; ++ref) {
            CHECK(sys::offers_map(offers_slot(DomId{1}), ref, false, slot::address_space, slot::cap_space, where,
                                  Selector{1100}) == Status::no_right);
        }
        CHECK(sys::mint_badge(slot::cap_space, Selector{1102}, slot::address_space, Rights::all, 2) ==
              Status::no_right);
        CHECK(sys::offers_configure(offers_slot(DomId{1}), Selector{1100}, Selector{1101}, Selector{1100},
                                    no_selector) == Status::no_right);
        for (const OfferFormat format : {OfferFormat::closed, OfferFormat::version_1, OfferFormat::version_2}) {
            CHECK(sys::offers_format(offers_slot(DomId{1}), format) == Status::no_right);
        }
    });
    check_spaces();
    check_table();
}

TEST_CASE_METHOD(Fixture, "a hostile component or monitor that tries everything", "[grant]") {
    struct Attacker {
        sim::Component& component;
        std::vector<std::uint64_t> slots;
        std::uint64_t first_offers;
    };
    std::vector<Attacker> attackers;
    attackers.push_back({grant, {129, 130, 131, slot::address_space.value}, 129});
    for (const std::uint32_t id : {2u, 3u}) {
        attackers.push_back({monitor(id),
                             {slot::offers_to_guest.value, slot::offers_to_monitor.value, slot::foreign_pages.value,
                              offers_of(1).value, offers_of(2).value, offers_of(3).value},
                             offers_of(1).value});
    }
    std::mt19937_64 random{4};
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    std::uint64_t mapped = 0;
    for (int i = 0; i < 150'000; ++i) {
        const Attacker& attacker = attackers[below(attackers.size())];
        const auto any_slot = [&]() -> std::uint64_t {
            return below(4) != 0   ? attacker.slots[below(attacker.slots.size())]
                   : below(5) == 0 ? below(1152)
                                   : 1100 + below(16);
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
        const auto method = static_cast<Method>(below(static_cast<std::uint64_t>(Method::count)));
        // Its own space and thread are left alone: what a component does to itself ends the test and shows nothing.
        if (method == Method::thread_stop || method == Method::thread_configure) {
            continue;
        }
        const std::uint64_t kind = below(4);
        machine.run_as(attacker.component, [&] {
            if (kind == 1 && below(3) == 0) { // making room
                (void)sys::remove(Selector{static_cast<std::uint32_t>(1 + below(60))}, slot::foreign_pages);
            } else if (kind != 0) { // well-formed but for who and where
                const std::uint64_t to = below(8) == 0 ? any_slot() : slot::offers_to_guest.value + below(2);
                const std::uint64_t slots = below(4) == 0 ? 1 : slot::foreign_pages.value;
                const auto done = sys::invoke_status(
                    Selector{static_cast<std::uint32_t>(attacker.first_offers + below(3))}, Method::offers_map,
                    below(12) | (below(2) != 0 ? offer_write : 0), to | slots << 32, where + below(64) * page_size,
                    slots == 1 ? 1100 + below(16) : 1 + below(60));
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
