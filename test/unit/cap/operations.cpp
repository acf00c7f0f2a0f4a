// SPDX-License-Identifier: Apache-2.0
// Each operation of the capability library: what it does, and each of its errors.
#include "cap/capabilities.hpp"

#include <bulkhead/abi/methods.hpp>
#include <bulkhead/abi/syscall.hpp>

#include "world.hpp"

namespace bulkhead::kernel::test {

TEST_CASE("REQ-CAP-004 retype makes objects in zeroed memory", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::thread, 0, 2) == Status::ok);
    CHECK(w.slot(2).capability.type == ObjectType::thread);
    CHECK(w.slot(2).capability.rights == Rights::all);
    CHECK(w.slot(2).parent == &w.slot(1));
    CHECK(w.alive.size() == 1);

    SECTION("several at once") {
        REQUIRE(w.retype(1, ObjectType::portal, 0, 4, 8) == Status::ok);
        for (std::uint32_t i = 4; i < 12; ++i) {
            CHECK(w.slot(i).capability.type == ObjectType::portal);
        }
        CHECK(w.alive.size() == 9);
    }
    SECTION("refuses what is malformed, and changes nothing") {
        CHECK(w.retype(1, ObjectType::region, 100, 4) == Status::bad_argument);
        CHECK(w.retype(1, ObjectType::null, 0, 4) == Status::bad_argument);
        CHECK(w.retype(1, ObjectType::interrupt, 1, 4) == Status::bad_argument);
        CHECK(w.retype(1, ObjectType::thread, 0, 4, 0) == Status::bad_argument);
        CHECK(w.retype(1, ObjectType::thread, 0, 4, Capabilities::max_count + 1) == Status::bad_argument);
        CHECK(w.retype(1, ObjectType::thread, 0, 2) == Status::slot_in_use);
        CHECK(w.retype(1, ObjectType::thread, 0, 31, 2) == Status::out_of_range);
        CHECK(w.retype(2, ObjectType::thread, 0, 4) == Status::bad_type);
        CHECK(w.retype(3, ObjectType::thread, 0, 4) == Status::bad_selector);
        CHECK(w.retype(1, ObjectType::region, World::memory_bytes, 4) == Status::out_of_memory);
        CHECK(w.alive.size() == 1);
        CHECK(w.descendants(1) == 1);
    }
}

TEST_CASE("REQ-CAP-005 memory is used again only when everything made of it has gone", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::region, World::memory_bytes, 2) == Status::ok);
    REQUIRE(w.mint(3, 2) == Status::ok);
    CHECK(w.retype(1, ObjectType::thread, 0, 4) == Status::out_of_memory);
    REQUIRE(w.remove(2) == Status::ok);
    // The derived Region has become the Untyped's own child.
    CHECK(w.slot(3).parent == &w.slot(1));
    CHECK(w.retype(1, ObjectType::thread, 0, 4) == Status::out_of_memory);
    REQUIRE(w.remove(3) == Status::ok);
    CHECK(w.retype(1, ObjectType::thread, 0, 4) == Status::ok);
}

TEST_CASE("REQ-CAP-005 memory taken back comes zeroed to its next owner", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::untyped, 64 * page_size, 2) == Status::ok);
    REQUIRE(w.retype(2, ObjectType::region, 64 * page_size, 3) == Status::ok);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(w.slot(3).capability.word);
    bytes[0] = bytes[64 * page_size - 1] = 0x5a; // a domain's secret
    REQUIRE(w.revoke(1) == Status::ok);
    REQUIRE(w.retype(1, ObjectType::region, 64 * page_size, 3) == Status::ok);
    REQUIRE(w.slot(3).capability.word == reinterpret_cast<std::uint64_t>(bytes));
    CHECK(bytes[0] == 0);
    CHECK(bytes[64 * page_size - 1] == 0);
}

TEST_CASE("REQ-CAP-001 mint reduces rights and sets a badge once", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::portal, 0, 2) == Status::ok);
    REQUIRE(w.mint(3, 2, Rights::write | Rights::derive, 42 | mint_badged) == Status::ok);
    CHECK(w.slot(3).capability.badge == 42);
    CHECK(w.slot(3).capability.rights == (Rights::write | Rights::derive));
    CHECK(w.mint(4, 3, Rights::all) == Status::ok);
    CHECK(w.slot(4).capability.rights == (Rights::write | Rights::derive));
    CHECK(w.slot(4).capability.badge == 42);
    CHECK(w.mint(5, 3, Rights::all, 43 | mint_badged) == Status::bad_argument);
    CHECK(w.mint(3, 2) == Status::slot_in_use);
    CHECK(w.mint(5, 6) == Status::bad_selector);
    CHECK(w.mint(5, 1) == Status::bad_type); // two Untypeds could hand out the same memory
    REQUIRE(w.mint(5, 2, Rights::write) == Status::ok);
    CHECK(w.mint(6, 5) == Status::no_right);

    REQUIRE(w.retype(1, ObjectType::event_set, 0, 7) == Status::ok);
    CHECK(w.mint(8, 7, Rights::write, (event_bits - 1) | mint_badged) == Status::ok);
    CHECK(w.mint(9, 7, Rights::write, event_bits | mint_badged) == Status::out_of_range);
}

TEST_CASE("REQ-CAP-001 ranges only narrow", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::region, 16 * page_size, 2) == Status::ok);
    const std::uint64_t base = w.slot(2).capability.word;
    REQUIRE(w.mint(3, 2, Rights::read | Rights::derive, 4 * page_size, 2 * page_size) == Status::ok);
    CHECK(w.slot(3).capability.word == base + 4 * page_size);
    CHECK(w.slot(3).capability.size == 2 * page_size);
    REQUIRE(w.mint(4, 3, Rights::all, page_size) == Status::ok);
    CHECK(w.slot(4).capability.size == page_size);
    CHECK(w.mint(5, 3, Rights::all, 2 * page_size) == Status::out_of_range);
    CHECK(w.mint(5, 3, Rights::all, page_size, 2 * page_size) == Status::out_of_range);
    CHECK(w.mint(5, 3, Rights::all, ~std::uint64_t{0} & ~(page_size - 1), page_size) == Status::out_of_range);
    CHECK(w.mint(5, 3, Rights::all, 1) == Status::bad_argument);

    Capability ports;
    ports.type = ObjectType::io_ports;
    ports.rights = Rights::all;
    ports.size = 0x10000;
    w.caps.insert_root(w.slot(10), ports);
    REQUIRE(w.mint(11, 10, Rights::all, 0x3f8, 8) == Status::ok);
    CHECK(w.mint(12, 11, Rights::all, 0, 9) == Status::out_of_range);

    Capability time;
    time.type = ObjectType::cpu_time;
    time.rights = Rights::all;
    time.word = 0b11;
    time.size = 63;
    w.caps.insert_root(w.slot(13), time);
    REQUIRE(w.mint(14, 13, Rights::all, 10, 0b01) == Status::ok);
    CHECK(w.mint(15, 14, Rights::all, 11, 0b01) == Status::out_of_range);
    CHECK(w.mint(15, 14, Rights::all, 10, 0b10) == Status::out_of_range);
}

TEST_CASE("REQ-CAP-002 move keeps a capability's place, children and mapping", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::region, 4 * page_size, 2) == Status::ok);
    REQUIRE(w.mint(3, 2) == Status::ok);
    REQUIRE(w.retype(1, ObjectType::thread, 0, 9) == Status::ok);
    w.map(2, *w.slot(9).capability.object());
    w.map(3, *w.slot(9).capability.object());
    REQUIRE(w.move(4, 2) == Status::ok);
    w.check();
    CHECK(w.slot(2).empty());
    CHECK(w.slot(3).parent == &w.slot(4));
    CHECK(w.slot(4).map_state == MapState::mapped);
    CHECK(w.move(3, 4) == Status::slot_in_use);
    CHECK(w.move(5, 2) == Status::bad_selector);
    REQUIRE(w.revoke(1) == Status::ok);
    CHECK(w.head_of_mappings == nullptr);
}

TEST_CASE("REQ-CAP-003 move of a capability with very many children is refused", "[cap]") {
    World w{256};
    REQUIRE(w.retype(1, ObjectType::portal, 0, 2) == Status::ok);
    for (std::uint32_t i = 0; i < Capabilities::move_limit; ++i) {
        REQUIRE(w.mint(10 + i, 2) == Status::ok);
    }
    REQUIRE(w.move(3, 2) == Status::ok);
    REQUIRE(w.mint(200, 3) == Status::ok);
    CHECK(w.move(2, 3) == Status::busy);
}

TEST_CASE("REQ-CAP-002 revoke removes every descendant before it is complete", "[cap]") {
    World w;
    w.preempt_every = GENERATE(0u, 1u, 2u, 3u);
    REQUIRE(w.retype(1, ObjectType::untyped, 64 * page_size, 2) == Status::ok);
    REQUIRE(w.retype(2, ObjectType::region, 8 * page_size, 3) == Status::ok);
    REQUIRE(w.retype(2, ObjectType::thread, 0, 4) == Status::ok);
    for (std::uint32_t i = 0; i < 10; ++i) {
        REQUIRE(w.mint(10 + i, i == 0 ? 3 : 9 + i) == Status::ok); // a chain: 3 -> 10 -> 11 ...
    }
    w.map(12, *w.slot(4).capability.object());
    REQUIRE(w.revoke(2) == Status::ok);
    CHECK(w.descendants(2) == 0);
    CHECK(w.alive.empty());
    CHECK(w.head_of_mappings == nullptr);
    for (std::uint32_t i = 3; i < World::slots; ++i) {
        CHECK(w.slot(i).empty());
    }
    CHECK((w.preempt_every == 0 || w.preemptions > 5));
}

TEST_CASE("REQ-CAP-002 capability spaces that hold each other and themselves can be destroyed", "[cap]") {
    World w;
    w.preempt_every = GENERATE(0u, 1u, 3u);
    REQUIRE(w.retype(1, ObjectType::untyped, 32 * page_size, 2) == Status::ok);
    REQUIRE(w.retype(2, ObjectType::cap_space, 16, 3) == Status::ok);
    REQUIRE(w.retype(2, ObjectType::cap_space, 16, 4) == Status::ok);
    auto& a = static_cast<CapSpace&>(*w.slot(3).capability.object());
    auto& b = static_cast<CapSpace&>(*w.slot(4).capability.object());
    REQUIRE(w.caps.mint(*a.lookup(Selector{1}), w.slot(3), Rights::all, 0, 0) == Status::ok);
    REQUIRE(w.caps.mint(*a.lookup(Selector{2}), w.slot(4), Rights::all, 0, 0) == Status::ok);
    REQUIRE(w.caps.mint(*b.lookup(Selector{1}), w.slot(3), Rights::all, 0, 0) == Status::ok);
    REQUIRE(w.caps.mint(*b.lookup(Selector{2}), w.slot(4), Rights::all, 0, 0) == Status::ok);
    REQUIRE(w.retype(1, ObjectType::thread, 0, 5) == Status::ok);
    REQUIRE(w.caps.move(*b.lookup(Selector{3}), w.slot(5)) == Status::ok);

    SECTION("by revoking what they are made of") {
        REQUIRE(w.revoke(2) == Status::ok);
    }
    SECTION("after the outer capabilities have gone") {
        REQUIRE(w.remove(3) == Status::ok);
        REQUIRE(w.remove(4) == Status::ok);
        CHECK(w.alive.size() == 3); // they keep each other alive, until
        REQUIRE(w.revoke(2) == Status::ok);
    }
    CHECK(w.alive.empty()); // with the thread that only b named
    CHECK(w.descendants(1) == 1);
    REQUIRE(w.retype(2, ObjectType::region, 32 * page_size, 3) == Status::ok);
}

TEST_CASE("REQ-CAP-005 memory of an object that is being destroyed is not handed out", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::untyped, 4 * page_size, 2) == Status::ok);
    REQUIRE(w.retype(2, ObjectType::thread, 0, 3) == Status::ok);
    w.preempt_every = 1;
    const Completion half = w.caps.remove(w.slot(3));
    REQUIRE(half.preempted);
    CHECK(w.slot(3).empty());
    CHECK(w.slot(2).child != nullptr);
    CHECK(w.caps.retype(w.slot(2), ObjectType::region, 4 * page_size, *w.space, Selector{4}, 1).status ==
          Status::out_of_memory);
    while (w.caps.reap_one() != Step::done) {
    }
    CHECK(w.slot(2).child == nullptr);
    w.preempt_every = 0;
    CHECK(w.retype(2, ObjectType::region, 4 * page_size, 4) == Status::ok);
}

TEST_CASE("REQ-CAP-002 internal references end with their object", "[cap]") {
    World w;
    REQUIRE(w.retype(1, ObjectType::thread, 0, 2) == Status::ok);
    std::vector<std::unique_ptr<Reference>> references;
    for (int i = 0; i < 200; ++i) {
        references.push_back(std::make_unique<Reference>());
        references.back()->set(w.slot(2).capability.object());
    }
    references[100]->clear(); // from the middle of the list
    CHECK(references[100]->get() == nullptr);
    REQUIRE(w.remove(2) == Status::ok);
    for (const auto& r : references) {
        REQUIRE(r->get() == nullptr);
    }
}

} // namespace bulkhead::kernel::test
