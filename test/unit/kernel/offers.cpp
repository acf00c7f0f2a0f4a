// SPDX-License-Identifier: Apache-2.0
// Offers: what its owner has not offered to that peer, with those rights, at that moment, cannot be mapped.
// REQ-GRANT-002 REQ-GRANT-003 REQ-GRANT-007
#include "offers.hpp"

namespace bulkhead::kernel::test {

namespace {

constexpr std::uint64_t peer = 7;
constexpr std::uint64_t where = 0x40'0000;

struct Fixture {
    System s;
    Thread& mapper{s.thread(40)};
    Guest owner{s};
    std::uint32_t stage2{s.make(ObjectType::stage2, 24)};
    std::uint32_t address_space{s.make(ObjectType::address_space, 24)};
    std::uint32_t track{s.make(ObjectType::cap_space, 16)};
    std::uint32_t to_guest{s.next_free()}, to_monitor{s.next_free()}, offers{s.next_free()};

    Fixture() {
        badge(to_guest, stage2, Rights::write, peer);
        badge(to_monitor, address_space, Rights::write, peer);
        REQUIRE(capabilities.mint(s.slot(offers), s.slot(owner.offers), Rights::map, 0, 0) == Status::ok);
        s.start(mapper);
        s.choose();
        REQUIRE(owner.configure(mapper) == Status::ok);
    }
    void badge(std::uint32_t at, std::uint32_t from, Rights rights, std::uint64_t number) {
        REQUIRE(capabilities.mint(s.slot(at), s.slot(from), rights, number | mint_badged, 0) == Status::ok);
    }
    Status map(std::uint64_t index, std::uint32_t slot, bool write = false, std::uint64_t address = where,
               std::uint32_t space = 0) {
        return s.invoke(mapper, offers, Method::offers_map, index | (write ? offer_write : 0),
                        (space == 0 ? to_guest : space) | std::uint64_t{track} << 32, address, slot);
    }
    NestedTree::Leaf guest(std::uint64_t address = where) {
        return NestedTree{s.object<Stage2>(stage2).root()}.lookup(address);
    }
    HostTree::Leaf monitor(std::uint64_t address = where) {
        return HostTree{s.object<AddressSpace>(address_space).root()}.lookup(address);
    }
    Slot& tracked(std::uint32_t slot) { return *s.object<CapSpace>(track).lookup(Selector{slot}); }
    Status remove(std::uint32_t slot) { return s.invoke(mapper, track, Method::cap_delete, slot); }
    Status destroy(std::uint32_t at) { return s.invoke(mapper, space, Method::cap_delete, at); }
};

} // namespace

TEST_CASE_METHOD(Fixture, "an offered page is mapped for the peer that it was offered to", "[kernel]") {
    owner.entry(3) = entry_for(peer, 5);
    REQUIRE(map(3, 1, true) == Status::ok);
    CHECK(guest().present);
    CHECK(guest().frame == owner.frame(5));
    CHECK(guest().flags.write);
    CHECK_FALSE(guest().flags.execute);
    CHECK(owner.entry(3) == entry_for(peer, 5, permit | in_use | written));

    REQUIRE(map(3, 2, false, where, to_monitor) == Status::ok);
    CHECK(monitor().frame == owner.frame(5));
    CHECK_FALSE(monitor().flags.write);
    CHECK(monitor().flags.user);

    SECTION("the marks go with the last mapping of each kind") {
        REQUIRE(remove(1) == Status::ok);
        CHECK_FALSE(guest().present);
        CHECK(owner.entry(3) == entry_for(peer, 5, permit | in_use));
        REQUIRE(remove(2) == Status::ok);
        CHECK_FALSE(monitor().present);
        CHECK(owner.entry(3) == entry_for(peer, 5));
    }
    SECTION("unmapping is for ever") {
        REQUIRE(capabilities.move(s.slot(s.next_free()), tracked(1)) == Status::ok);
        const std::uint32_t moved = s.next_free() - 1;
        CHECK(guest().present);
        REQUIRE(s.invoke(mapper, moved, Method::unmap) == Status::ok);
        CHECK_FALSE(guest().present);
        CHECK(owner.entry(3) == entry_for(peer, 5, permit | in_use));
        CHECK(s.invoke(mapper, moved, Method::map, stage2, where, 1) == Status::no_right);
        CHECK(s.invoke(mapper, space, Method::cap_mint, s.next_free(), moved | std::uint64_t{0x3f} << 32) ==
              Status::no_right);
        REQUIRE(destroy(moved) == Status::ok);
        CHECK(owner.entry(3) == entry_for(peer, 5, permit | in_use));
    }
}

TEST_CASE_METHOD(Fixture, "what is not offered is not mapped", "[kernel]") {
    owner.entry(0) = entry_for(peer, 5);
    owner.entry(1) = entry_for(peer + 1, 5);
    owner.entry(2) = entry_for(peer, 5, 0);
    owner.entry(3) = entry_for(peer, 5, 2); // offers to take a page
    owner.entry(4) = entry_for(peer, 5, 3); // version 2's transitive entries
    owner.entry(5) = entry_for(peer, 5, permit | readonly);
    owner.entry(6) = entry_for(peer, Guest::ram_pages); // no RAM there
    owner.entry(7) = entry_for(peer, 0xffff'ffff);
    const std::uint64_t before[] = {owner.entry(1), owner.entry(5), owner.entry(6)};

    for (std::uint64_t index = 1; index <= 4; ++index) {
        CHECK(map(index, 1) == Status::no_right);
    }
    CHECK(map(5, 1, true) == Status::no_right);
    CHECK(map(6, 1) == Status::not_mapped);
    CHECK(map(7, 1) == Status::not_mapped);
    CHECK(map(512, 1) == Status::out_of_range);
    CHECK(map(0xffff'ffff, 1) == Status::out_of_range);
    CHECK(map(offer_write << 1, 1) == Status::bad_argument);

    CHECK(map(0, 0) == Status::bad_argument);
    CHECK(map(0, 16) == Status::bad_argument);
    CHECK(map(0, 1, false, where + 1) == Status::bad_argument);
    CHECK(map(0, 1, false, std::uint64_t{1} << 48) == Status::out_of_range);
    CHECK(map(0, 1, false, user_end, to_monitor) == Status::out_of_range);
    // The peer is who the destination's capability says, and that cannot be said anew.
    CHECK(map(0, 1, false, where, stage2) == Status::bad_argument);
    CHECK(map(0, 1, false, where, track) == Status::bad_type);
    CHECK(s.invoke(mapper, space, Method::cap_mint, s.next_free(), to_guest | std::uint64_t{0x3f} << 32,
                   (peer + 1) | mint_badged) == Status::no_right);

    CHECK(tracked(1).empty());
    CHECK_FALSE(guest().present);
    CHECK(owner.entry(0) == entry_for(peer, 5));
    CHECK(owner.entry(1) == before[0]);
    CHECK(owner.entry(5) == before[1]);
    CHECK(owner.entry(6) == before[2]);
    REQUIRE(map(5, 1) == Status::ok);
    CHECK(map(0, 1) == Status::slot_in_use);
    CHECK(map(0, 2) == Status::already_mapped);
    CHECK(owner.entry(0) == entry_for(peer, 5));
    CHECK(tracked(2).empty());
}

TEST_CASE_METHOD(Fixture, "a destination for offers is one for nothing else", "[kernel]") {
    const std::uint32_t region = s.make(ObjectType::region, page_size);
    CHECK(s.invoke(mapper, region, Method::map, to_guest, where, 1) == Status::no_right);
    CHECK(s.invoke(mapper, region, Method::map, to_monitor, where, 1) == Status::no_right);
    CHECK(s.invoke(mapper, to_guest, Method::stage2_unmap, 0, 1) == Status::no_right);
    CHECK(s.invoke(mapper, offers, Method::offers_configure, owner.table, owner.ram) == Status::no_right);
}

TEST_CASE_METHOD(Fixture, "only the owner's RAM can be offered, and only as the owner may use it", "[kernel]") {
    // A page that another has lent to the owner is not the owner's to lend.
    const std::uint32_t lent = s.make(ObjectType::region, page_size);
    REQUIRE(s.invoke(mapper, lent, Method::map, owner.stage2, 4 * page_size, 3) == Status::ok);
    owner.entry(0) = entry_for(peer, 4);
    CHECK(map(0, 1) == Status::not_mapped);
    // A page that the owner may only read is not lent for writing.
    const std::uint32_t part = s.next_free();
    REQUIRE(capabilities.mint(s.slot(part), s.slot(owner.ram), Rights::all, 6 * page_size, page_size) == Status::ok);
    REQUIRE(s.invoke(mapper, part, Method::map, owner.stage2, 5 * page_size, 1) == Status::ok);
    owner.entry(1) = entry_for(peer, 5);
    CHECK(map(1, 1, true) == Status::not_mapped);
    REQUIRE(map(1, 1) == Status::ok);
    CHECK(guest().frame == owner.frame(6));
}

TEST_CASE_METHOD(Fixture, "an Offers is configured once, with a table of its size", "[kernel]") {
    CHECK(owner.configure(mapper) == Status::busy);
    Guest other{s, 2};
    const std::uint32_t small = s.make(ObjectType::region, page_size);
    const auto configure = [&](std::uint64_t a, std::uint64_t b) {
        return s.invoke(mapper, other.offers, Method::offers_configure, a, b);
    };
    const std::uint64_t stage2_argument = std::uint64_t{other.stage2} << 32;
    CHECK(s.invoke(mapper, offers, Method::offers_map, 0, to_guest | std::uint64_t{track} << 32, where, 1) ==
          Status::no_right); // configured, and nothing in the table
    CHECK(configure(small | stage2_argument, other.ram) == Status::bad_argument);
    CHECK(configure(other.table | stage2_argument, 0) == Status::bad_selector);
    CHECK(configure(other.table | stage2_argument, other.stage2) == Status::bad_type);
    CHECK(configure(other.table, other.ram) == Status::bad_selector);
    CHECK(configure(stage2_argument, other.ram) == Status::bad_selector);
    CHECK(configure(other.table | stage2_argument, other.ram | std::uint64_t{other.stage2} << 32) == Status::bad_type);
    CHECK(s.invoke(mapper, other.offers, Method::offers_map, 0, to_guest | std::uint64_t{track} << 32, where, 1) ==
          Status::aborted);
    CHECK(s.slot(other.ram).child->next == nullptr); // the copy in stage 2, and none that was kept
    CHECK(configure(other.table | stage2_argument, other.ram | std::uint64_t{small} << 32) == Status::ok);
    other.entry(1023) = entry_for(peer, 1);
    CHECK(s.invoke(mapper, other.offers, Method::offers_map, 1023, to_guest | std::uint64_t{track} << 32, where, 1) ==
          Status::ok);
}

TEST_CASE_METHOD(Fixture, "REQ-CAP-004 a mapping that cannot be made leaves no mark", "[kernel]") {
    const std::uint32_t small = s.make(ObjectType::stage2, 3);
    const std::uint32_t to_small = s.next_free();
    badge(to_small, small, Rights::write, peer);
    owner.entry(0) = entry_for(peer, 1);
    CHECK(map(0, 1, true, where, to_small) == Status::out_of_memory);
    CHECK(owner.entry(0) == entry_for(peer, 1));
    CHECK(tracked(1).empty());
    REQUIRE(map(0, 1, true) == Status::ok);
    REQUIRE(remove(1) == Status::ok);
    CHECK(owner.entry(0) == entry_for(peer, 1));
}

TEST_CASE_METHOD(Fixture, "a mapping ends with whatever it needs", "[kernel]") {
    owner.entry(0) = entry_for(peer, 1);
    owner.entry(1) = entry_for(peer, 2);
    REQUIRE(map(0, 1, true) == Status::ok);
    REQUIRE(map(1, 2, false, where, to_monitor) == Status::ok);
    bool offered_still = true;
    SECTION("the RAM, whoever revokes it") {
        REQUIRE(s.invoke(mapper, space, Method::cap_revoke, owner.ram) == Status::ok);
        CHECK(tracked(1).empty());
        CHECK(tracked(2).empty());
        CHECK(map(0, 1) == Status::not_mapped);
    }
    SECTION("the RAM's own capability") {
        REQUIRE(destroy(owner.ram) == Status::ok);
        REQUIRE(destroy(owner.ram_copy) == Status::ok);
        CHECK(guest().present); // what was derived from it is the Untyped's now, as always
        CHECK(owner.entry(0) == entry_for(peer, 1, permit | in_use | written));
        REQUIRE(remove(1) == Status::ok);
        REQUIRE(remove(2) == Status::ok);
    }
    SECTION("the Offers") {
        REQUIRE(destroy(offers) == Status::ok);
        CHECK(guest().present);
        REQUIRE(destroy(owner.offers) == Status::ok);
        CHECK(tracked(1).empty());
        CHECK(tracked(2).empty());
    }
    SECTION("the space that keeps the slots") {
        REQUIRE(destroy(track) == Status::ok);
    }
    SECTION("the destinations") {
        REQUIRE(destroy(to_guest) == Status::ok);
        REQUIRE(destroy(to_monitor) == Status::ok);
        REQUIRE(destroy(stage2) == Status::ok);
        REQUIRE(destroy(address_space) == Status::ok);
        CHECK(tracked(1).map_state == MapState::none);
        CHECK(owner.entry(0) == entry_for(peer, 1));
        CHECK(owner.entry(1) == entry_for(peer, 2));
        REQUIRE(remove(1) == Status::ok);
        CHECK(owner.entry(0) == entry_for(peer, 1));
        return;
    }
    SECTION("the table: the mapping stays, nobody can be told when it goes") {
        REQUIRE(s.invoke(mapper, space, Method::cap_revoke, owner.table) == Status::ok);
        CHECK(map(0, 3, false, 2 * where) == Status::aborted);
        CHECK(guest().present);
        REQUIRE(remove(1) == Status::ok);
        REQUIRE(remove(2) == Status::ok);
        offered_still = false;
    }
    SECTION("the owner's guest-physical space: nothing new is mapped") {
        REQUIRE(destroy(owner.stage2) == Status::ok);
        CHECK(map(0, 3, false, 2 * where) == Status::aborted);
        REQUIRE(remove(1) == Status::ok);
        REQUIRE(remove(2) == Status::ok);
    }
    CHECK_FALSE(guest().present);
    CHECK_FALSE(monitor().present);
    if (offered_still) {
        CHECK(owner.entry(0) == entry_for(peer, 1));
        CHECK(owner.entry(1) == entry_for(peer, 2));
    }
}

TEST_CASE_METHOD(Fixture, "the owner's memory can be taken back while a page of it is mapped elsewhere", "[kernel]") {
    // Everything of the owner's from one Untyped, as a domain's is.
    const std::uint32_t loan = s.make(ObjectType::untyped, 1u << 20);
    const std::uint32_t first = s.next_free(), table = s.next_free(), space2 = s.next_free(), second = s.next_free();
    const auto make = [&](ObjectType type, std::uint64_t size, std::uint32_t at) {
        REQUIRE(capabilities.retype(s.slot(loan), type, size, s.object<CapSpace>(space), Selector{at}, 1).status ==
                Status::ok);
    };
    make(ObjectType::region, 8 * page_size, first);
    make(ObjectType::region, page_size, table);
    make(ObjectType::stage2, 16, space2);
    make(ObjectType::offers, 1, second);
    REQUIRE(s.invoke(mapper, first, Method::map, space2, 0, 7) == Status::ok);
    REQUIRE(s.invoke(mapper, second, Method::offers_configure, table | std::uint64_t{space2} << 32, first) ==
            Status::ok);
    *reinterpret_cast<std::uint64_t*>(s.slot(table).capability.word) = entry_for(peer, 3);
    REQUIRE(s.invoke(mapper, second, Method::offers_map, 0, to_guest | std::uint64_t{track} << 32, where, 4) ==
            Status::ok);
    REQUIRE(guest().present);
    fake::machine.interrupt_waiting = true; // preempted at every chance
    REQUIRE(s.invoke(mapper, space, Method::cap_revoke, loan) == Status::ok);
    fake::machine.interrupt_waiting = false;
    CHECK_FALSE(guest().present);
    CHECK(tracked(4).empty());
    CHECK(s.slot(loan).child == nullptr);
}

namespace {

/// The same, with a table that is read as version 2.
struct Version2 : Fixture {
    Version2() {
        REQUIRE(destroy(owner.offers) == Status::ok);
        owner = Guest{s, 1, 1};
        offers = s.next_free();
        REQUIRE(capabilities.mint(s.slot(offers), s.slot(owner.offers), Rights::map, 0, 0) == Status::ok);
        REQUIRE(owner.configure(mapper) == Status::ok);
        REQUIRE(owner.format(mapper, OfferFormat::version_2) == Status::ok);
    }
};

} // namespace

TEST_CASE_METHOD(Version2, "version 2: an offered page is mapped, and marked in its status word alone", "[kernel]") {
    owner.offer_wide(255, header_for(peer), 5);
    REQUIRE(map(255, 1, true) == Status::ok);
    CHECK(guest().frame == owner.frame(5));
    CHECK(guest().flags.write);
    CHECK(owner.wide_entry(255)[0] == header_for(peer));
    CHECK(owner.wide_entry(255)[1] == 5);
    CHECK(owner.status(255) == (in_use | written));
    CHECK(owner.status(254) == 0);
    REQUIRE(map(255, 2, false, where, to_monitor) == Status::ok);
    REQUIRE(remove(1) == Status::ok);
    CHECK(owner.status(255) == in_use);
    REQUIRE(remove(2) == Status::ok);
    CHECK(owner.status(255) == 0);
}

TEST_CASE_METHOD(Version2, "version 2: what is not offered is not mapped, and not marked", "[kernel]") {
    constexpr std::uint64_t limit = std::uint64_t{1} << 52;
    const struct {
        std::uint64_t header, gfn;
        Status answer;
    } cases[] = {
        {header_for(peer + 1), 5, Status::no_right},
        {header_for(peer, 0), 5, Status::no_right},
        {header_for(peer, 2), 5, Status::no_right},
        {header_for(peer, 3), 5, Status::no_right}, // transitive
        {header_for(peer, permit | offer::part), 5, Status::no_right},
        {header_for(peer), Guest::ram_pages, Status::not_mapped},
        {header_for(peer), limit, Status::not_mapped}, // as an address it would be that of frame 0
        {header_for(peer), limit | 5, Status::not_mapped},
        {header_for(peer), ~std::uint64_t{0}, Status::not_mapped},
    };
    std::uint64_t index = 0;
    for (const auto& each : cases) {
        owner.offer_wide(++index, each.header, each.gfn);
        INFO("entry " << index);
        CHECK(map(index, 1) == each.answer);
        CHECK(owner.status(index) == 0);
        CHECK(owner.wide_entry(index)[0] == each.header);
    }
    owner.offer_wide(100, header_for(peer, permit | readonly), 5);
    CHECK(map(100, 1, true) == Status::no_right);
    CHECK(map(100, 1) == Status::ok);
    CHECK(map(256, 2) == Status::out_of_range); // the table has half as many
}

TEST_CASE_METHOD(Fixture, "the format is the owner's to say, and not while something is mapped", "[kernel]") {
    CHECK(s.invoke(mapper, offers, Method::offers_format, 2) == Status::no_right); // the mapper's capability
    const std::uint32_t by_owner = s.next_free();
    REQUIRE(capabilities.mint(s.slot(by_owner), s.slot(owner.offers), Rights::write, 0, 0) == Status::ok);
    CHECK(s.invoke(mapper, by_owner, Method::offers_map, 0, to_guest | std::uint64_t{track} << 32, where, 1) ==
          Status::no_right); // and the owner's maps nothing
    const auto format = [&](std::uint64_t which) { return s.invoke(mapper, by_owner, Method::offers_format, which); };
    CHECK(format(2) == Status::bad_argument); // no status words
    CHECK(format(3) == Status::bad_argument);
    CHECK(format(~std::uint64_t{0}) == Status::bad_argument);

    owner.entry(0) = entry_for(peer, 5);
    REQUIRE(map(0, 1) == Status::ok);
    CHECK(format(0) == Status::busy);
    CHECK(format(1) == Status::busy);
    REQUIRE(remove(1) == Status::ok);
    REQUIRE(format(0) == Status::ok);
    CHECK(map(0, 1) == Status::aborted);
    CHECK(owner.entry(0) == entry_for(peer, 5));
    REQUIRE(format(1) == Status::ok);
    CHECK(map(0, 1) == Status::ok);
}

TEST_CASE_METHOD(Version2, "what ends while a version 2 table is there leaves no mark, and no word is too far",
                 "[kernel]") {
    owner.offer_wide(255, header_for(peer), 1);
    REQUIRE(map(255, 1, true) == Status::ok);
    SECTION("the table") {
        REQUIRE(s.invoke(mapper, space, Method::cap_revoke, owner.table) == Status::ok);
        CHECK(owner.format(mapper, OfferFormat::closed) == Status::busy);
        REQUIRE(remove(1) == Status::ok);
        CHECK(owner.format(mapper, OfferFormat::version_2) == Status::bad_argument);
    }
    SECTION("the Offers") {
        REQUIRE(destroy(offers) == Status::ok);
        REQUIRE(destroy(owner.offers) == Status::ok);
        CHECK(tracked(1).empty());
        CHECK(owner.status(255) == 0);
    }
    CHECK_FALSE(guest().present);
}

} // namespace bulkhead::kernel::test
