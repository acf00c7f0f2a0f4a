// SPDX-License-Identifier: Apache-2.0
// Mapping: what is mapped where, with which rights, and that it is gone when it should be.
#include "object/mapping.hpp"

#include "system.hpp"

namespace bulkhead::kernel::test {

namespace {

HostTree::Leaf at(System& s, std::uint64_t address) {
    return HostTree{s.object<AddressSpace>(memory).root()}.lookup(address);
}
NestedTree::Leaf in(System& s, std::uint32_t stage2, std::uint64_t address) {
    return NestedTree{s.object<Stage2>(stage2).root()}.lookup(address);
}

constexpr std::uint64_t r = 1, rw = 3, rx = 5, rwx = 7;

} // namespace

TEST_CASE("REQ-MEM-002 a mapping has no more rights than its capability, and never write with execute", "[kernel]") {
    System s;
    Thread& root = s.thread(40);
    const std::uint32_t region = s.make(ObjectType::region, 4 * page_size);
    const std::uint32_t read_only = s.next_free();
    REQUIRE(capabilities.mint(s.slot(read_only), s.slot(region), Rights::read, 0, 0) == Status::ok);
    s.start(root);
    s.choose();
    CHECK(s.invoke(root, read_only, Method::map, memory, 0x10000, rw) == Status::no_right);
    CHECK(s.invoke(root, region, Method::map, memory, 0x10000, rwx) == Status::bad_argument);
    CHECK(s.invoke(root, region, Method::map, memory, 0x10000, 2) == Status::bad_argument);
    CHECK(s.invoke(root, region, Method::map, memory, 0x10000, 0x1001) == Status::bad_argument);
    CHECK(s.invoke(root, region, Method::map, memory, 0x10001, rw) == Status::bad_argument);
    CHECK(s.invoke(root, region, Method::map, memory, user_end - page_size, rw) == Status::out_of_range);
    CHECK(s.invoke(root, region, Method::map, memory, ~std::uint64_t{0xfff}, rw) == Status::out_of_range);
    CHECK(s.invoke(root, region, Method::map, untyped, 0x10000, rw) == Status::bad_type);
    CHECK(s.invoke(root, untyped, Method::map, memory, 0x10000, rw) == Status::bad_type);

    REQUIRE(s.invoke(root, region, Method::map, memory, 0x10000, rw) == Status::ok);
    CHECK(at(s, 0x10000).flags.write);
    CHECK_FALSE(at(s, 0x10000).flags.execute);
    CHECK(at(s, 0x13000).present);
    CHECK_FALSE(at(s, 0x14000).present);
    CHECK(s.invoke(root, region, Method::map, memory, 0x20000, rw) == Status::already_mapped);
    CHECK(s.invoke(root, read_only, Method::map, memory, 0x13000, r) == Status::already_mapped);
    REQUIRE(s.invoke(root, read_only, Method::map, memory, 0x20000, r) == Status::ok);
    CHECK_FALSE(at(s, 0x20000).flags.write);

    SECTION("unmap") {
        REQUIRE(s.invoke(root, region, Method::unmap) == Status::ok);
        CHECK_FALSE(at(s, 0x10000).present);
        CHECK(at(s, 0x20000).present);
        CHECK(s.invoke(root, region, Method::unmap) == Status::not_mapped);
        CHECK_FALSE(fake::machine.shootdowns.empty());
    }
    SECTION("revoke and delete") {
        REQUIRE(s.invoke(root, space, Method::cap_revoke, region) == Status::ok);
        CHECK_FALSE(at(s, 0x20000).present);
        CHECK(at(s, 0x10000).present);
        REQUIRE(s.invoke(root, space, Method::cap_delete, region) == Status::ok);
        CHECK_FALSE(at(s, 0x10000).present);
    }
    SECTION("the mapping moves with its capability") {
        const std::uint32_t to = s.next_free();
        REQUIRE(s.invoke(root, space, Method::cap_move, to, region) == Status::ok);
        CHECK(at(s, 0x10000).present);
        REQUIRE(s.invoke(root, space, Method::cap_delete, to) == Status::ok);
        CHECK_FALSE(at(s, 0x10000).present);
    }
}

TEST_CASE("REQ-CAP-005 all that is left of an Untyped can be had in one piece", "[kernel]") {
    System s;
    Thread& root = s.thread(40);
    const std::uint32_t head = s.make(ObjectType::region, large_page_size);
    const std::uint32_t rest = s.next_free();
    s.start(root);
    s.choose();
    const Capability& all = s.slot(untyped).capability;
    // An odd number of pages, from a 2 MiB boundary to the end.
    const std::uint64_t size = all.word + all.size - (s.slot(head).capability.word + large_page_size) - page_size;
    constexpr std::uint64_t one_untyped = static_cast<std::uint64_t>(ObjectType::untyped) | (1u << 8);
    CHECK(s.invoke(root, untyped, Method::untyped_retype, one_untyped, size + 2 * page_size, rest) ==
          Status::out_of_memory);
    REQUIRE(s.invoke(root, untyped, Method::untyped_retype, one_untyped, size, rest) == Status::ok);
    CHECK(System::value(root) == page_size);
}

TEST_CASE("only what consists of whole large pages begins where one can", "[kernel]") {
    System s;
    s.make(ObjectType::region, page_size);
    const std::uint64_t before = s.slot(untyped).capability.word + s.slot(untyped).capability.badge;
    const std::uint32_t odd = s.make(ObjectType::region, large_page_size + page_size);
    CHECK(s.slot(odd).capability.word == before);
    const std::uint32_t whole = s.make(ObjectType::region, 2 * large_page_size);
    CHECK(s.slot(whole).capability.word % large_page_size == 0);
    const std::uint32_t odd_untyped = s.make(ObjectType::untyped, large_page_size + page_size);
    CHECK(s.slot(odd_untyped).capability.word == s.slot(whole).capability.word + 2 * large_page_size);
}

TEST_CASE("REQ-CAP-003 mapping goes on after preemption and is undone whole when tables run out", "[kernel]") {
    System s;
    Thread& root = s.thread(40);
    fake::machine.interrupt_waiting = true; // preempted at every chance
    const std::uint32_t small = s.next_free();
    fake::machine.interrupt_waiting = false;
    const std::uint32_t region = s.make(ObjectType::region, 8 << 20);
    s.start(root);
    s.choose();
    fake::machine.interrupt_waiting = true;
    REQUIRE(s.invoke(root, untyped, Method::untyped_retype,
                     static_cast<std::uint64_t>(ObjectType::address_space) | (1u << 8), 5, small) == Status::ok);
    SECTION("2 MiB pages where all is aligned") {
        REQUIRE(s.invoke(root, region, Method::map, memory, 0x4000'0000, rw) == Status::ok);
        CHECK(at(s, 0x4000'0000).bytes == large_page_size);
        REQUIRE(s.invoke(root, region, Method::unmap) == Status::ok);
        CHECK_FALSE(at(s, 0x4000'0000).present);
    }
    SECTION("4 KiB pages elsewhere") {
        REQUIRE(s.invoke(root, region, Method::map, memory, 0x4000'1000, rw) == Status::ok);
        CHECK(at(s, 0x4000'1000 + (8 << 20) - page_size).bytes == page_size);
        REQUIRE(s.invoke(root, region, Method::unmap) == Status::ok);
        CHECK_FALSE(at(s, 0x4000'1000).present);
    }
    SECTION("tables for the first pages only") {
        CHECK(s.invoke(root, region, Method::map, small, 0x4000'1000, rw) == Status::out_of_memory);
        CHECK_FALSE(HostTree{s.object<AddressSpace>(small).root()}.lookup(0x4000'1000).present);
        CHECK(s.slot(region).map_state == MapState::none);
        REQUIRE(s.invoke(root, region, Method::map, memory, 0x4000'1000, rw) == Status::ok);
    }
}

TEST_CASE("REQ-MEM-002 stage 2 replaces, and what was replaced no longer belongs to its first mapping", "[kernel]") {
    System s;
    Thread& root = s.thread(40);
    const std::uint32_t stage2 = s.make(ObjectType::stage2, 16);
    const std::uint32_t ram = s.make(ObjectType::region, 4 << 20);
    const std::uint32_t page = s.make(ObjectType::region, page_size);
    s.start(root);
    s.choose();
    REQUIRE(s.invoke(root, ram, Method::map, stage2, 0, rwx) == Status::ok);
    CHECK(in(s, stage2, 0).bytes == large_page_size);
    REQUIRE(s.invoke(root, page, Method::map, stage2, 0x10000, rw) == Status::ok);
    CHECK(in(s, stage2, 0x10000).frame == HostPhys{s.slot(page).capability.word});
    CHECK_FALSE(in(s, stage2, 0x10000).flags.execute);
    CHECK(in(s, stage2, 0x11000).frame == HostPhys{s.slot(ram).capability.word + 0x11000});

    SECTION("the page goes: a hole, not the old page") {
        REQUIRE(s.invoke(root, page, Method::unmap) == Status::ok);
        CHECK_FALSE(in(s, stage2, 0x10000).present);
        CHECK(in(s, stage2, 0xf000).present);
    }
    SECTION("the RAM goes: the page stays") {
        REQUIRE(s.invoke(root, space, Method::cap_delete, ram) == Status::ok);
        CHECK(in(s, stage2, 0x10000).present);
        CHECK_FALSE(in(s, stage2, 0xf000).present);
        CHECK_FALSE(in(s, stage2, 0x200000).present);
    }
    SECTION("whoever holds the space can remove a range") {
        REQUIRE(s.invoke(root, stage2, Method::stage2_unmap, 0x10000, 1) == Status::ok);
        CHECK_FALSE(in(s, stage2, 0x10000).present);
        REQUIRE(s.invoke(root, stage2, Method::stage2_unmap, 0, std::uint64_t{1} << 30) == Status::ok);
        CHECK_FALSE(in(s, stage2, 0x11000).present);
        CHECK(s.invoke(root, stage2, Method::stage2_unmap, 1, 1) == Status::bad_argument);
        CHECK(s.invoke(root, stage2, Method::stage2_unmap, std::uint64_t{1} << 48, 1) == Status::out_of_range);
        CHECK(s.invoke(root, stage2, Method::stage2_unmap, 0, ~std::uint64_t{0}) == Status::out_of_range);
        CHECK(s.invoke(root, memory, Method::stage2_unmap, 0, 1) == Status::bad_type);
    }
}

TEST_CASE("REQ-MEM-005 a part of a mapping that was removed or replaced can be restored, and nothing else",
          "[kernel]") {
    System s;
    Thread& root = s.thread(40);
    const std::uint32_t stage2 = s.make(ObjectType::stage2, 16);
    const std::uint32_t ram = s.make(ObjectType::region, 4 << 20);
    const std::uint32_t page = s.make(ObjectType::region, page_size);
    const auto frame = [&](std::uint64_t at) { return HostPhys{s.slot(ram).capability.word + at}; };
    s.start(root);
    s.choose();
    CHECK(s.invoke(root, ram, Method::restore, 0, 1, rwx) == Status::not_mapped);
    REQUIRE(s.invoke(root, ram, Method::map, stage2, 1 << 30, rwx) == Status::ok);
    constexpr std::uint64_t base = 1 << 30;

    SECTION("pages that were removed") {
        REQUIRE(s.invoke(root, stage2, Method::stage2_unmap, base + 0x10000, 4) == Status::ok);
        const std::uint64_t epoch = s.object<Stage2>(stage2).epoch;
        REQUIRE(s.invoke(root, ram, Method::restore, 0x11000, 2, rwx) == Status::ok);
        CHECK_FALSE(in(s, stage2, base + 0x10000).present);
        CHECK(in(s, stage2, base + 0x11000).frame == frame(0x11000));
        CHECK(in(s, stage2, base + 0x11000).flags.execute);
        CHECK(in(s, stage2, base + 0x12000).frame == frame(0x12000));
        CHECK_FALSE(in(s, stage2, base + 0x13000).present);
        CHECK(s.object<Stage2>(stage2).epoch == epoch); // nobody has cached a hole
    }
    SECTION("pages that were replaced: nobody sees the other one any more") {
        REQUIRE(s.invoke(root, page, Method::map, stage2, base + 0x10000, rw) == Status::ok);
        const std::uint64_t epoch = s.object<Stage2>(stage2).epoch;
        REQUIRE(s.invoke(root, ram, Method::restore, 0x10000, 1, rw) == Status::ok);
        CHECK(in(s, stage2, base + 0x10000).frame == frame(0x10000));
        CHECK_FALSE(in(s, stage2, base + 0x10000).flags.execute);
        CHECK(s.object<Stage2>(stage2).epoch > epoch);
        REQUIRE(s.invoke(root, page, Method::unmap) == Status::ok);
        CHECK(in(s, stage2, base + 0x10000).frame == frame(0x10000));
    }
    SECTION("a large page as a large page, and all of it goes with the capability") {
        REQUIRE(s.invoke(root, stage2, Method::stage2_unmap, base, 1024) == Status::ok);
        REQUIRE(s.invoke(root, ram, Method::restore, large_page_size, 512, rwx) == Status::ok);
        CHECK(in(s, stage2, base + large_page_size).bytes == large_page_size);
        CHECK_FALSE(in(s, stage2, base).present);
        REQUIRE(s.invoke(root, space, Method::cap_delete, ram) == Status::ok);
        CHECK_FALSE(in(s, stage2, base + large_page_size).present);
    }
    SECTION("what is refused") {
        CHECK(s.invoke(root, ram, Method::restore, 1, 1, rwx) == Status::bad_argument);
        CHECK(s.invoke(root, ram, Method::restore, 0, 0, rwx) == Status::bad_argument);
        CHECK(s.invoke(root, ram, Method::restore, 0, 1025, rwx) == Status::out_of_range);
        CHECK(s.invoke(root, ram, Method::restore, 0, 1, 0x40) == Status::bad_argument);
        CHECK(s.invoke(root, ram, Method::restore, 4 << 20, 1, rwx) == Status::out_of_range);
        CHECK(s.invoke(root, ram, Method::restore, (4 << 20) - page_size, 2, rwx) == Status::out_of_range);
        CHECK(s.invoke(root, ram, Method::restore, ~std::uint64_t{0xfff}, 1, rwx) == Status::out_of_range);
        CHECK(s.invoke(root, stage2, Method::restore, 0, 1, rwx) == Status::bad_type);
        const std::uint32_t weak = s.next_free();
        REQUIRE(s.invoke(root, space, Method::cap_mint, weak,
                         page | (static_cast<std::uint64_t>(Rights::read) << 32)) == Status::ok);
        REQUIRE(s.invoke(root, weak, Method::map, stage2, 0, static_cast<std::uint64_t>(Rights::read)) == Status::ok);
        CHECK(s.invoke(root, weak, Method::restore, 0, 1, rw) == Status::no_right);
        REQUIRE(s.invoke(root, page, Method::map, memory, 0x4000'0000, rw) == Status::ok);
        CHECK(s.invoke(root, page, Method::restore, 0, 1, rw) == Status::bad_argument);
    }
    SECTION("a hole in a table that has gone nowhere needs one, and there is none") {
        const std::uint32_t small = s.make(ObjectType::stage2, 4); // header, root, and two tables
        const std::uint32_t copy = s.next_free();
        REQUIRE(s.invoke(root, space, Method::cap_mint, copy,
                         ram | (static_cast<std::uint64_t>(Rights::read | Rights::write) << 32)) == Status::ok);
        REQUIRE(s.invoke(root, copy, Method::map, small, 0, rw) == Status::ok);
        REQUIRE(s.invoke(root, small, Method::stage2_unmap, 0, 512) == Status::ok);
        CHECK(s.invoke(root, copy, Method::restore, 0, 1, rw) == Status::out_of_memory);
        CHECK_FALSE(in(s, small, 0).present);
        REQUIRE(s.invoke(root, copy, Method::restore, 0, 512, rw) == Status::ok);
    }
}

TEST_CASE("long mappings come and go in steps of 64 entries, whatever is preempted", "[kernel]") {
    System s;
    Thread& root = s.thread(40);
    const std::uint32_t stage2 = s.make(ObjectType::stage2, 16);
    const std::uint32_t ram = s.make(ObjectType::region, 300 * page_size);
    s.start(root);
    s.choose();
    constexpr std::uint64_t base = (1 << 30) - 100 * page_size; // across a large page's boundary
    const auto present = [&] {
        std::uint64_t count = 0;
        for (std::uint64_t i = 0; i < 300; ++i) {
            count += in(s, stage2, base + i * page_size).present ? 1u : 0u;
        }
        return count;
    };
    Slot& slot = s.slot(ram);
    Space& to = s.object<Stage2>(stage2);
    fake::machine.interrupt_waiting = true; // preempted at every chance
    for (std::uint64_t step = 1; kernel::map(slot, to, base, rwx).preempted; ++step) {
        CHECK(present() == 64 * step);
    }
    CHECK(present() == 300);
    REQUIRE(s.invoke(root, stage2, Method::stage2_unmap, base, 1) == Status::ok);
    std::uint64_t done = 0;
    REQUIRE(kernel::restore(slot, 0, 300, rwx, done) == Status::ok);
    CHECK(done == 64);
    CHECK(present() == 300);
    for (std::uint64_t step = 1; kernel::unmap(slot).preempted; ++step) {
        CHECK(present() == 300 - 64 * step);
        // Whoever maps it meanwhile only helps to undo it.
        CHECK(kernel::map(slot, s.object<Stage2>(s.make(ObjectType::stage2, 8)), base, rwx).status ==
              Status::already_mapped);
    }
    fake::machine.interrupt_waiting = false;
    CHECK(present() == 0);
    CHECK(slot.map_state == MapState::none);
}

TEST_CASE("REQ-CAP-002 a space that is destroyed is left by every CPU first", "[kernel]") {
    System s{2};
    const std::uint32_t other = s.make(ObjectType::address_space, 16);
    Thread& root = s.thread(40, 0);
    Thread& victim = s.thread(10, 1);
    victim.memory.set(&s.object<AddressSpace>(other));
    const std::uint32_t region = s.make(ObjectType::region, page_size);
    s.start(root);
    s.choose(0);
    REQUIRE(s.invoke(root, region, Method::map, other, 0x1000, rw) == Status::ok);
    s.start(victim);
    s.choose(1);
    REQUIRE(cpus[1]->loaded == &s.object<AddressSpace>(other));

    s.call(root, Syscall::invoke, space, static_cast<std::uint64_t>(Method::cap_delete), other);
    CHECK(cpus[1]->loaded != nullptr);
    CHECK(fake::machine.kicks.back() == 1);
    s.interrupt(1, 1);
    CHECK(cpus[1]->loaded == nullptr);
    CHECK(victim.state == Thread::State::stopped);
    s.choose(0);         // told that it can go on
    root.frame.rip += 2; // what the fake machine does not execute again by itself
    REQUIRE(s.invoke(root, space, Method::cap_delete, other) == Status::ok); // the restarted call
    CHECK(s.invoke(root, space, Method::cap_delete, other) == Status::bad_selector);
    CHECK(s.slot(region).map_state == MapState::none);
    CHECK(s.current(1) == nullptr);
}

TEST_CASE("REQ-IO-001 a component's ports are exactly its range", "[kernel]") {
    System s;
    Thread& root = s.thread(40);
    Capability all;
    all.type = ObjectType::io_ports;
    all.rights = Rights::all;
    all.size = 0x10000;
    const std::uint32_t ports = s.next_free();
    const std::uint32_t uart = s.next_free();
    capabilities.insert_root(s.slot(ports), all);
    REQUIRE(capabilities.mint(s.slot(uart), s.slot(ports), Rights::write, 0x3f8, 8) == Status::ok);
    s.start(root);
    s.choose();
    CHECK(s.invoke(root, uart, Method::io_in, 0x3f8, 1) == Status::no_right);
    CHECK(s.invoke(root, uart, Method::io_out, 0x3f8, 1, 'x') == Status::ok);
    CHECK(s.invoke(root, uart, Method::io_out, 0x3ff, 1, 'x') == Status::ok);
    CHECK(s.invoke(root, uart, Method::io_out, 0x3ff, 2, 'x') == Status::out_of_range);
    CHECK(s.invoke(root, uart, Method::io_out, 0x3f7, 1, 'x') == Status::out_of_range);
    CHECK(s.invoke(root, uart, Method::io_out, 0x400, 1, 'x') == Status::out_of_range);
    CHECK(s.invoke(root, uart, Method::io_out, 0x3f8, 3, 'x') == Status::bad_argument);
    CHECK(s.invoke(root, ports, Method::io_out, 0x100003f8, 1, 'x') == Status::out_of_range);
    CHECK(fake::machine.port_writes.size() == 2);
    REQUIRE(s.invoke(root, space, Method::cap_delete, uart) == Status::ok);
    REQUIRE(s.invoke(root, space, Method::cap_delete, ports) == Status::ok);
}

} // namespace bulkhead::kernel::test
