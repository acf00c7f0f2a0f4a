// SPDX-License-Identifier: Apache-2.0
// Event delivery and the interrupt that the guest gets for it.
// REQ-GUEST-010 REQ-EVENT-006
#include <catch2/catch.hpp>

#include "events.hpp"
#include "exceptions.hpp"
#include "interrupts.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {
void open(Machine& m, std::uint32_t port, PortKind kind = PortKind::ipi) {
    m.d().ports[port] = {kind, 0, 0};
}
vcpu_info& info(Machine& m) {
    return *m.v().info;
}
void signal_from_outside(Machine& m, std::uint32_t bit) {
    EventPage& page = m.events();
    page.word[bit / 64] |= std::uint64_t{1} << (bit % 64);
    page.summary[bit / 4096] |= std::uint64_t{1} << (bit / 64 % 64);
}
constexpr std::uint8_t callback_vector = 0xf3;
} // namespace

TEST_CASE("raise sets pending, selector and upcall") {
    Machine m;
    raise(m.d(), Port{130});
    CHECK(m.shared().evtchn_pending[2] == 4);
    CHECK(info(m).evtchn_pending_sel == 4);
    CHECK(info(m).evtchn_upcall_pending == 1);
    CHECK(is_pending(m.d(), Port{130}));
    raise(m.d(), Port{4095});
    CHECK(m.shared().evtchn_pending[63] == std::uint64_t{1} << 63);
    CHECK(info(m).evtchn_pending_sel == ((std::uint64_t{1} << 63) | 4));
}

TEST_CASE("a masked port is only pending; unmask delivers") {
    Machine m;
    m.shared().evtchn_mask[1] = 2;
    raise(m.d(), Port{65});
    CHECK(is_pending(m.d(), Port{65}));
    CHECK(info(m).evtchn_pending_sel == 0);
    CHECK(info(m).evtchn_upcall_pending == 0);
    unmask(m.d(), Port{65});
    CHECK(m.shared().evtchn_mask[1] == 0);
    CHECK(info(m).evtchn_pending_sel == 2);
    CHECK(info(m).evtchn_upcall_pending == 1);
    SECTION("unmasking what is not pending, or not masked, does nothing") {
        info(m).evtchn_upcall_pending = 0;
        m.shared().evtchn_mask[1] = 4;
        unmask(m.d(), Port{66});
        unmask(m.d(), Port{65});
        CHECK(info(m).evtchn_upcall_pending == 0);
    }
}

TEST_CASE("what is pending already is not announced again") {
    Machine m;
    raise(m.d(), Port{5});
    info(m).evtchn_upcall_pending = 0;
    info(m).evtchn_pending_sel = 0;
    raise(m.d(), Port{5});
    CHECK(info(m).evtchn_upcall_pending == 0);
    raise(m.d(), Port{6});
    CHECK(info(m).evtchn_upcall_pending == 1);
}

TEST_CASE("signals from outside reach open ports only") {
    Machine m;
    open(m, 9, PortKind::unbound);
    open(m, 4000, PortKind::interdomain);
    for (const std::uint32_t bit : {0u, 9u, 10u, 4000u, 5000u, event_bits - 1}) {
        signal_from_outside(m, bit);
    }
    CHECK(take_signals(m.d(), m.events()) == 2);
    CHECK(is_pending(m.d(), Port{9}));
    CHECK(is_pending(m.d(), Port{4000}));
    CHECK_FALSE(is_pending(m.d(), Port{10}));
    CHECK_FALSE(is_pending(m.d(), Port{0}));
    CHECK(take_signals(m.d(), m.events()) == 0);
}

TEST_CASE("virtual interrupts go to the port that was bound") {
    Machine m;
    raise_virq(m.d(), m.v(), VIRQ_TIMER); // nobody listens
    CHECK(info(m).evtchn_upcall_pending == 0);
    m.v().virq_port[VIRQ_TIMER] = 12;
    raise_virq(m.d(), m.v(), VIRQ_TIMER);
    CHECK(is_pending(m.d(), Port{12}));
}

TEST_CASE("the callback vector is a level") {
    Machine m;
    VcpuState& s = m.state();
    m.d().callback.vector = callback_vector;
    offer_interrupt(m.d(), m.v());
    CHECK(s.pending_vector == 0);
    raise(m.d(), Port{5});
    offer_interrupt(m.d(), m.v());
    CHECK(s.pending_vector == (0x100 | callback_vector));
    SECTION("offered again while the guest has not cleared it") {
        s.pending_vector = 0; // injected
        settle_interrupt(m.v());
        offer_interrupt(m.d(), m.v());
        CHECK(s.pending_vector == (0x100 | callback_vector));
    }
    SECTION("withdrawn when the guest has") {
        settle_interrupt(m.v());
        info(m).evtchn_upcall_pending = 0;
        offer_interrupt(m.d(), m.v());
        CHECK(s.pending_vector == 0);
    }
    SECTION("not while its delivery, cut off, is under way again") {
        s.interrupted = make_interrupt(callback_vector);
        s.pending_vector = 0;
        settle_interrupt(m.v());
        CHECK(reinject_interrupted(m.v()));
        CHECK(s.inject == make_interrupt(callback_vector));
        offer_interrupt(m.d(), m.v());
        CHECK(s.pending_vector == 0);
    }
    SECTION("comes before the local APIC's") {
        REQUIRE(m.v().lapic.write_base(0xfee0'0d00));
        REQUIRE(m.v().lapic.write_msr(0x80f, 0x1ff));
        m.v().lapic.request(0xf8);
        offer_interrupt(m.d(), m.v());
        CHECK(s.pending_vector == (0x100 | callback_vector));
        info(m).evtchn_upcall_pending = 0;
        settle_interrupt(m.v());
        offer_interrupt(m.d(), m.v());
        CHECK(s.pending_vector == 0x1f8);
        CHECK(m.v().lapic.deliverable() == 0xf8);
        s.pending_vector = 0;
        settle_interrupt(m.v());
        CHECK(m.v().lapic.deliverable() == 0);
    }
}

TEST_CASE("a vector of the vCPU's own goes through the local APIC") {
    Machine m;
    m.d().callback.vector = callback_vector;
    m.v().upcall_vector = 0x80;
    REQUIRE(m.v().lapic.write_base(0xfee0'0d00));
    REQUIRE(m.v().lapic.write_msr(0x80f, 0x1ff));
    raise(m.d(), Port{5});
    offer_interrupt(m.d(), m.v());
    CHECK(m.state().pending_vector == 0x180);
    m.state().pending_vector = 0;
    settle_interrupt(m.v());
    offer_interrupt(m.d(), m.v()); // an edge: not again until the next event
    CHECK(m.state().pending_vector == 0);
    raise(m.d(), Port{70});
    CHECK(m.v().lapic.deliverable() == 0); // pending upcall already
    info(m).evtchn_upcall_pending = 0;
    raise(m.d(), Port{140});
    REQUIRE(m.v().lapic.write_msr(0x80b, 0));
    CHECK(m.v().lapic.deliverable() == 0x80);
}

TEST_CASE("sleep ends for its reasons") {
    Machine m;
    Vcpu& v = m.v();
    m.d().callback.vector = callback_vector;
    const auto wakes = [&] {
        offer_interrupt(m.d(), v);
        return should_wake(m.d(), v);
    };
    for (const Sleep kind : {Sleep::halted, Sleep::blocked, Sleep::polling}) {
        v.sleep = kind;
        CHECK_FALSE(wakes());
    }
    SECTION("a masked event wakes only who polls for it") {
        m.shared().evtchn_mask[0] = ~std::uint64_t{0};
        raise(m.d(), Port{5});
        v.poll_count = 2;
        v.poll_port[0] = 6;
        v.poll_port[1] = 5;
        CHECK(wakes());
        v.poll_count = 1;
        CHECK_FALSE(wakes());
        v.sleep = Sleep::blocked;
        CHECK_FALSE(wakes());
        v.sleep = Sleep::halted;
        CHECK_FALSE(wakes());
    }
    SECTION("an upcall wakes; without a vector not from HLT") {
        raise(m.d(), Port{5});
        m.state().rflags |= 1u << 9;
        for (const Sleep kind : {Sleep::halted, Sleep::blocked, Sleep::polling}) {
            v.sleep = kind;
            CHECK(wakes());
        }
        // With interrupts off it would only come back to poll again, and spin.
        m.state().rflags &= ~(std::uint64_t{1} << 9);
        v.sleep = Sleep::polling;
        CHECK_FALSE(wakes());
        m.d().callback.vector = 0;
        v.sleep = Sleep::halted;
        CHECK_FALSE(wakes());
        v.sleep = Sleep::blocked;
        CHECK(wakes());
    }
    SECTION("an NMI wakes") {
        v.sleep = Sleep::halted;
        REQUIRE(v.lapic.write_base(0xfee0'0d00));
        REQUIRE(v.lapic.write_msr(0x830, 0x4'0400));
        CHECK(wakes());
        CHECK((m.state().inject & 0x7ff) == 0x202);
    }
}

TEST_CASE("events that were cut off are delivered again; instructions are executed again") {
    Machine m;
    VcpuState& s = m.state();
    const auto again = [&](VcpuEvent event) {
        s.interrupted = event;
        s.inject = 0;
        m.v().changed = VcpuGroups::none;
        const bool was = reinject_interrupted(m.v());
        CHECK(was == ((event & event_valid) != 0));
        CHECK(s.interrupted == (was ? 0 : event));
        CHECK(includes(m.v().changed, VcpuGroups::event) == (s.inject != 0));
        return s.inject;
    };
    CHECK(again(0x30) == 0);
    CHECK(again(make_interrupt(0xf3)) == make_interrupt(0xf3));
    CHECK(again(make_exception(14, 2)) == make_exception(14, 2));
    CHECK(again(event_valid | (2u << 8) | 2) == (event_valid | (2u << 8) | 2));
    CHECK(again(event_valid | (4u << 8) | 0x80) == 0);
    CHECK(again(make_exception(3)) == 0);
}
