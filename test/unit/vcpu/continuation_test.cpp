// SPDX-License-Identifier: Apache-2.0
// Calls that run long: the table of tokens, and a call that goes on where it was.
// REQ-CONTINUE-001
#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

Continuations::Key key(std::uint64_t rsp) {
    return {0x1000, rsp, 12, {1, 2, 3, 4, 5, 0}, false};
}
Continuations::Progress progress(std::uint64_t n) {
    Continuations::Progress p{};
    p[0] = n;
    p[Continuations::max_words - 1] = ~n;
    return p;
}

} // namespace

TEST_CASE("a token belongs to the call that left it") {
    Continuations c;
    Continuations::Progress p{};
    CHECK_FALSE(c.take(key(1), 0, p));
    REQUIRE(c.put(key(1), 0, progress(7), 100));
    std::vector<Continuations::Key> others(6, key(1));
    others[0].rip = 0x1003;
    others[1].rsp = 2;
    others[2].number = 20;
    others[3].argument[0] = 0x8000'0001; // an upper bit of the operation's number
    others[4].argument[5] = 1;
    others[5].in_multicall = true;
    for (const Continuations::Key& other : others) {
        CHECK_FALSE(c.take(other, 0, p));
    }
    REQUIRE(c.take(key(1), 0, p));
    CHECK(p == progress(7));
    CHECK_FALSE(c.take(key(1), 0, p)); // once
    CHECK(c.count() == 0);
}

TEST_CASE("a call may go on on another vCPU, but a vCPU's own token goes first") {
    Continuations c;
    Continuations::Progress p{};
    REQUIRE(c.put(key(1), 0, progress(10), 100));
    REQUIRE(c.put(key(1), 1, progress(11), 100));
    REQUIRE(c.put(key(1), 2, progress(12), 100));
    REQUIRE(c.take(key(1), 1, p));
    CHECK(p == progress(11));
    REQUIRE(c.take(key(1), 3, p));
    CHECK(p == progress(10));
    REQUIRE(c.take(key(1), 3, p));
    CHECK(p == progress(12));
}

TEST_CASE("a full table lets calls finish; what was left for long makes room") {
    Continuations c;
    Continuations::Progress p{};
    for (std::uint32_t i = 0; i < Continuations::max_tokens; ++i) {
        REQUIRE(c.put(key(i), 0, progress(i), 1000 + i));
    }
    CHECK_FALSE(c.put(key(100), 0, progress(100), 2000));
    CHECK_FALSE(c.put(key(100), 0, progress(100), 999)); // a clock that went back makes nothing old
    CHECK_FALSE(c.put(key(100), 0, progress(100), 1000 + Continuations::stale_after_ns, 2));
    CHECK(c.count() == Continuations::max_tokens);
    REQUIRE(c.put(key(100), 0, progress(100), 1001 + Continuations::stale_after_ns)); // in the place of the oldest
    CHECK_FALSE(c.take(key(0), 0, p));
    for (std::uint32_t i = 1; i < Continuations::max_tokens; ++i) {
        REQUIRE(c.take(key(i), 0, p));
        CHECK(p == progress(i));
    }
    REQUIRE(c.take(key(100), 0, p));
    CHECK(c.put(key(5), 0, progress(5), 1, Continuations::max_tokens));
    CHECK_FALSE(c.put(key(6), 0, progress(6), 1, Continuations::max_tokens));
}

namespace {

constexpr std::uint64_t first_gfn = 0x10000;

/// A guest whose memory component does what it is asked, for some time.
struct Guest : Machine {
    static constexpr std::uint64_t list = test::scratch + 0x1000;
    static constexpr std::uint64_t extents = 512;
    std::vector<std::uint64_t> given_back;
    std::uint64_t ticks_per_message{20'000};
    std::function<void()> in_message = [] {};

    Guest() {
        enter_long_mode();
        for (std::uint64_t i = 0; i < extents; ++i) {
            store(list + i * 8, first_gfn + i);
        }
        memory = [this](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            const auto& r = request.request.decrease_reservation;
            given_back.insert(given_back.end(), r.gfn, r.gfn + r.gfn_count);
            reply.value = r.gfn_count;
            tsc += ticks_per_message;
            in_message();
        };
    }
    xen_memory_reservation reservation(std::uint64_t count) const {
        xen_memory_reservation r{};
        r.extent_start.p = reinterpret_cast<xen_pfn_t*>(list);
        r.nr_extents = count;
        r.domid = DOMID_SELF;
        return r;
    }
    /// Executes the instruction once. True: it is finished.
    bool execute(std::uint64_t stack, std::uint64_t count = extents) {
        state().rip = test::entry_address;
        state().interrupt_shadow = 1;
        gpr(Gpr::rsp) = stack;
        store(test::scratch, reservation(count));
        hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, test::scratch);
        return state().rip != test::entry_address;
    }
};

} // namespace

TEST_CASE("a long call lets its vCPU go on, and goes on itself where it was") {
    Guest m;
    std::uint32_t slices = 1;
    while (!m.execute(0x9000)) {
        CHECK(m.gpr(Gpr::rax) == __HYPERVISOR_memory_op);
        CHECK(m.gpr(Gpr::rdi) == XENMEM_decrease_reservation);
        CHECK(m.gpr(Gpr::rsi) == test::scratch);
        CHECK(m.state().interrupt_shadow == 0);
        CHECK(m.given_back.size() == slices * 3 * 64); // 50 us are over after the third message
        ++slices;
        REQUIRE(slices < 10);
    }
    CHECK(slices == 3);
    CHECK(m.gpr(Gpr::rax) == Guest::extents);
    CHECK(m.d().continuations.count() == 0);
    for (std::uint64_t i = 0; i < Guest::extents; ++i) {
        REQUIRE(m.given_back[i] == first_gfn + i);
    }
}

TEST_CASE("a short call is not interrupted") {
    Guest m;
    m.ticks_per_message = 10;
    CHECK(m.execute(0x9000));
    CHECK(m.gpr(Gpr::rax) == Guest::extents);
    m.ticks_per_message = 1'000'000;
    CHECK(m.execute(0x9000, 64)); // its last piece of work
    CHECK(m.gpr(Gpr::rax) == 64);
}

TEST_CASE("calls nested in interrupt handlers never take each other's progress") {
    Guest m;
    REQUIRE_FALSE(m.execute(0x9000));
    REQUIRE_FALSE(m.execute(0x8000)); // its interrupt's handler, the same call
    REQUIRE_FALSE(m.execute(0x7000, 300));
    CHECK(m.d().continuations.count() == 3);
    REQUIRE(m.execute(0x7000, 300));
    CHECK(m.gpr(Gpr::rax) == 300);
    while (!m.execute(0x8000)) {
    }
    CHECK(m.gpr(Gpr::rax) == Guest::extents);
    while (!m.execute(0x9000)) {
    }
    CHECK(m.gpr(Gpr::rax) == Guest::extents);
    CHECK(m.given_back.size() == 2 * Guest::extents + 300);
    CHECK(m.d().continuations.count() == 0);
}

TEST_CASE("when there is no room for a token, the call finishes") {
    Guest m;
    for (std::uint32_t i = 0; i < Continuations::max_tokens; ++i) {
        REQUIRE_FALSE(m.execute(0x10000 + i * 0x100));
    }
    m.given_back.clear();
    CHECK(m.execute(0x9000));
    CHECK(m.gpr(Gpr::rax) == Guest::extents);
    CHECK(m.given_back.size() == Guest::extents);
    Machine::tsc += Continuations::stale_after_ns; // 1 GHz
    CHECK_FALSE(m.execute(0x9000));
}

TEST_CASE("what the argument said when it was read holds to the end") {
    Guest m;
    REQUIRE_FALSE(m.execute(0x9000));
    while (!m.execute(0x9000, 3)) { // the guest has written another count over it
    }
    CHECK(m.gpr(Gpr::rax) == Guest::extents);
}

TEST_CASE("a long call in a multicall, and a long multicall") {
    Guest m;
    constexpr std::uint64_t entries = test::scratch + 0x100;
    m.store(test::scratch, m.reservation(Guest::extents));
    const auto execute = [&](std::uint64_t count) {
        m.state().rip = test::entry_address;
        m.hypercall(__HYPERVISOR_multicall, entries, count);
        return m.state().rip != test::entry_address;
    };
    const multicall_entry version{__HYPERVISOR_xen_version, 77, {XENVER_version}};
    const multicall_entry decrease{__HYPERVISOR_memory_op, 77, {XENMEM_decrease_reservation, test::scratch}};
    const auto result_of = [&](std::uint64_t i) {
        return m.load<multicall_entry>(entries + i * sizeof(multicall_entry)).result;
    };
    for (std::uint64_t i = 0; i < 4; ++i) {
        m.store(entries + i * sizeof(multicall_entry), i % 2 == 0 ? version : decrease);
    }
    REQUIRE_FALSE(execute(4));
    CHECK(result_of(0) == ((4 << 16) | 17));
    CHECK(result_of(1) == 77);
    CHECK(m.d().continuations.count() == 2);
    m.store(entries + sizeof(multicall_entry), version); // too late: the entry has been read
    std::uint32_t slices = 1;
    while (!execute(4)) {
        REQUIRE(++slices < 20);
    }
    CHECK(m.gpr(Gpr::rax) == 0);
    CHECK(result_of(1) == Guest::extents);
    CHECK(result_of(2) == ((4 << 16) | 17));
    CHECK(result_of(3) == Guest::extents);
    CHECK(m.given_back.size() == 2 * Guest::extents);
    CHECK(m.d().continuations.count() == 0);
}

TEST_CASE("a reservation of a million extents") {
    Guest m;
    m.ticks_per_message = 6'000;
    // The list is one page of frame numbers that nothing begins at, a thousand times over: the tables say so.
    constexpr std::uint64_t million = 1 << 20;
    constexpr std::uint64_t long_list = 0x1000'0000;
    for (std::uint64_t at = 0; at < million * 8; at += page_size) {
        m.map_at(long_list + at, test::scratch + 0x1000);
    }
    std::uint64_t calls = 0;
    xen_memory_reservation r = m.reservation(million);
    r.extent_start.p = reinterpret_cast<xen_pfn_t*>(long_list);
    m.store(test::scratch, r);
    m.given_back.clear();
    std::uint64_t most_ticks = 0;
    do {
        m.state().rip = test::entry_address;
        const std::uint64_t before = Machine::tsc;
        m.hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, test::scratch);
        most_ticks = std::max(most_ticks, Machine::tsc - before);
        ++calls;
    } while (m.state().rip == test::entry_address);
    CHECK(m.gpr(Gpr::rax) == million);
    CHECK(m.given_back.size() == million);
    CHECK(calls == million / 64 / 9 + 1);
    CHECK(most_ticks == 9 * 6'000);
}

TEST_CASE("a domain that ends in a long call stays ended") {
    Guest m;
    m.in_message = [&] { m.d().end(SHUTDOWN_poweroff, "test"); };
    m.ticks_per_message = 100'000;
    (void)m.execute(0x9000);
    CHECK(m.d().ended);
}
