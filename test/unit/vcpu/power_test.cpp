// SPDX-License-Identifier: Apache-2.0
// Several vCPUs: INIT and start-up, up and down, who is kicked, and what is left to each one's own thread.
// REQ-SMP-001, REQ-SMP-003, REQ-SMP-004
#include <algorithm>

#include <catch2/catch.hpp>

#include "events.hpp"
#include "interrupts.hpp"
#include "ipi.hpp"
#include "machine.hpp"

#include <xen/hvm/hvm_op.h>

using namespace bulkhead;
using namespace bulkhead::vcpu;
using test::Machine;

namespace {

constexpr std::uint32_t kick_slot = slot::vcpu_events.value;

/// vCPU 0's thread is the one that runs.
struct Smp : Machine {
    explicit Smp(std::uint32_t vcpus = 4) : Machine{true, vcpus} {
        d().holder = &v();
        enter_long_mode();
        REQUIRE(v().lapic.write_base(0xfee0'0d00)); // x2APIC mode; the others stay in xAPIC mode
        REQUIRE(v().lapic.write_msr(0x80f, 0x1ff));
        signals.clear();
    }
    void icr(std::uint64_t command) {
        REQUIRE(v().lapic.write_msr(0x830, command));
        deliver_ipi(d(), v());
    }
    bool kicked(std::uint32_t vcpu) const {
        return std::find(signals.begin(), signals.end(), kick_slot + vcpu) != signals.end();
    }
    xen::Result vcpu_op(std::uint64_t op, std::uint64_t vcpu, std::uint64_t argument = 0) {
        return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, argument);
    }
};
constexpr std::uint64_t init = 0xc500, deassert = 0x8500, startup = 0x699;
constexpr std::uint64_t to(std::uint32_t vcpu) {
    return std::uint64_t{vcpu} * 2 << 32;
}

} // namespace

TEST_CASE("only vCPU 0 is up at the start") {
    Smp m;
    for (std::uint32_t i = 0; i < 4; ++i) {
        CHECK(m.vcpu_op(VCPUOP_is_up, i) == (i == 0 ? 1 : 0));
        CHECK(m.v(i).power.initialised == (i == 0));
        CHECK(m.v(i).lapic.id() == 2 * i);
    }
    CHECK(m.vcpu_op(VCPUOP_is_up, 4) == -XEN_ENOENT);
    CHECK(m.vcpu_op(VCPUOP_up, 1) == -XEN_EINVAL);
}

TEST_CASE("INIT of a vCPU that never ran leaves it waiting, and a start-up interrupt starts it once") {
    Smp m;
    Vcpu& v = m.v(1);
    m.icr(to(1) | init);
    CHECK_FALSE(v.power.up);
    CHECK_FALSE(v.power.reset);
    m.icr(to(1) | deassert);
    CHECK(m.signals.empty());
    m.icr(to(1) | startup);
    CHECK(v.power.up);
    CHECK(m.kicked(1));
    m.icr(to(1) | 0x677); // ignored: it does not wait any more
    CHECK(v.power.startup_page == 0x99);

    apply_power(m.d(), v);
    const VcpuState& s = *v.state;
    CHECK(s.cs.selector == 0x9900);
    CHECK(s.cs.base == 0x99000);
    CHECK(s.cs.access == 0x9b);
    CHECK(s.cs.limit == 0xffff);
    CHECK(s.rip == 0);
    CHECK(s.rflags == 2);
    CHECK(s.cr0 == 0x10);
    CHECK(s.gpr[static_cast<std::uint32_t>(Gpr::rdx)] != 0); // the processor's signature
    CHECK(includes(v.changed, VcpuGroups::all));
    m.state(1).rip = 0x1234;
    apply_power(m.d(), v); // once
    CHECK(m.state(1).rip == 0x1234);
    CHECK_FALSE(m.v(2).power.up);
}

TEST_CASE("a start-up interrupt without INIT does nothing to a running vCPU") {
    Smp m;
    m.icr(to(1) | startup);
    apply_power(m.d(), m.v(1));
    m.state(1).rip = 0x1234;
    m.icr(to(1) | startup);
    apply_power(m.d(), m.v(1));
    CHECK(m.state(1).rip == 0x1234);
}

TEST_CASE("in xAPIC mode the same by memory accesses, with 8-bit destinations") {
    Machine m{true, 3};
    m.d().holder = &m.v();
    Lapic& lapic = m.v().lapic;
    const auto icr = [&](std::uint32_t high, std::uint32_t low) {
        lapic.write_mmio(0x310, high);
        lapic.write_mmio(0x300, low);
        deliver_ipi(m.d(), m.v());
    };
    icr(0x0400'0000, init);
    icr(0x0400'0000, deassert);
    icr(0x0400'0000, 0x69c);
    CHECK_FALSE(m.v(1).power.up);
    CHECK(m.v(2).power.up);
    CHECK(m.v(2).power.startup_page == 0x9c);
    icr(0xff00'0000, 0x4000 | 0x61); // 0xff is everybody
    std::uint32_t got = 0;
    for (const std::uint32_t vcpu : {1u, 2u}) {
        m.v(vcpu).mail.collect([&](std::uint8_t vector) { got += vector; }, [] {}, [] {});
    }
    CHECK(got == 2 * 0x61);
    m.v(1).lapic.write_mmio(0xe0, 0xffff'ffff); // flat logical destinations
    m.v(1).lapic.write_mmio(0xd0, 0x0200'0000);
    m.v(2).lapic.write_mmio(0xd0, 0x0400'0000);
    icr(0x0400'0000, 0x0862);
    m.v(1).mail.collect([](std::uint8_t) { FAIL("not addressed"); }, [] {}, [] {});
    m.v(2).mail.collect([&](std::uint8_t vector) { got = vector; }, [] {}, [] {});
    CHECK(got == 0x62);
}

TEST_CASE("INIT stops a running vCPU, resets its local APIC, keeps its mode and identity") {
    Smp m;
    m.icr(to(1) | startup);
    apply_power(m.d(), m.v(1));
    Vcpu& v = m.v(1);
    REQUIRE(v.lapic.write_base(0xfee0'0c00));
    REQUIRE(v.lapic.write_msr(0x80f, 0x1ff));
    v.lapic.request(0x40);
    v.mail.post(0x50);
    m.icr(to(1) | init);
    CHECK_FALSE(v.power.up);
    CHECK(m.vcpu_op(VCPUOP_is_up, 1) == 0);
    CHECK(m.vcpu_op(VCPUOP_up, 1) == -XEN_EINVAL); // it has no registers to run with
    m.icr(to(1) | 0x655);
    apply_power(m.d(), v);
    CHECK(v.power.up);
    CHECK(v.lapic.id() == 2);
    CHECK(v.lapic.mode() == Lapic::Mode::x2apic);
    CHECK(v.lapic.deliverable() == 0);
    CHECK(m.state(1).cs.base == 0x55000);
    std::uint32_t mail = 0;
    v.mail.collect([&](std::uint8_t) { ++mail; }, [] {}, [] {});
    CHECK(mail == 0);
}

TEST_CASE("interrupts for another vCPU go into its mailbox, those for oneself into the local APIC") {
    Smp m;
    m.icr(to(2) | 0xf6);
    CHECK(m.kicked(2));
    CHECK_FALSE(m.kicked(1));
    CHECK(m.v(2).lapic.deliverable() == 0); // its own thread takes it
    std::vector<std::uint32_t> vectors;
    m.v(2).mail.collect([&](std::uint8_t vector) { vectors.push_back(vector); }, [] { FAIL("no NMI was sent"); },
                        [] {});
    CHECK(vectors == std::vector<std::uint32_t>{0xf6});

    m.signals.clear();
    m.icr(0xc'00f8); // all but self, as Linux does at its end
    CHECK(m.signals.size() == 3);
    CHECK(m.v().lapic.deliverable() == 0);
    m.icr(0x8'00f7); // all
    CHECK(m.v().lapic.deliverable() == 0xf7);

    m.signals.clear();
    m.icr(0x1'0000'0900 | 0x40); // lowest priority, logical, to ourselves: nobody else gets it
    CHECK(m.signals.empty());
    m.icr(0xffff'ffff'0000'0940); // and to anybody
    CHECK(m.signals.empty());

    m.icr(to(3) | 0x400);
    bool nmi = false;
    m.v(3).mail.collect([](std::uint8_t) {}, [&] { nmi = true; }, [] {});
    CHECK(nmi);
    CHECK(m.vcpu_op(VCPUOP_send_nmi, 1) == 0);
    CHECK(m.kicked(1));
    CHECK(m.vcpu_op(VCPUOP_send_nmi, 1, test::scratch) == -XEN_EINVAL);
}

TEST_CASE("down and up, by hypercall and by halting") {
    Smp m{2};
    m.icr(to(1) | startup);
    apply_power(m.d(), m.v(1));
    m.signals.clear();
    CHECK(m.vcpu_op(VCPUOP_down, 1) == 0);
    CHECK(m.kicked(1));
    CHECK_FALSE(m.d().ended);
    CHECK(m.vcpu_op(VCPUOP_is_up, 1) == 0);
    CHECK(m.vcpu_op(VCPUOP_up, 1) == 0);
    CHECK(m.vcpu_op(VCPUOP_is_up, 1) == 1);
    CHECK(m.vcpu_op(VCPUOP_initialise, 1, test::scratch) == -XEN_EEXIST);

    CHECK(m.vcpu_op(VCPUOP_down, 0) == 0); // the other one runs on
    CHECK_FALSE(m.d().ended);
    CHECK(m.vcpu_op(VCPUOP_down, 1) == 0);
    CHECK(m.d().ended);
    CHECK(m.d().shutdown_reason == SHUTDOWN_poweroff);
}

TEST_CASE("the end of the domain reaches every thread") {
    Smp m;
    m.d().end(SHUTDOWN_reboot, "test");
    CHECK(m.kicked(1));
    CHECK(m.kicked(2));
    CHECK(m.kicked(3));
}

TEST_CASE("the last thread to leave is the one that reports") {
    Machine m{true, 3};
    m.d().end(SHUTDOWN_poweroff, "test");
    CHECK_FALSE(m.monitor().run(m.monitor().domain().vcpus[2]));
    CHECK_FALSE(m.monitor().run(m.monitor().domain().vcpus[0]));
    CHECK(m.monitor().run(m.monitor().domain().vcpus[1]));
}

TEST_CASE("an event kicks the vCPU that it is bound to, once, and whoever polls its port") {
    Smp m;
    m.d().ports[20] = {PortKind::ipi, 2, 0};
    raise(m.d(), Port{20});
    CHECK(m.kicked(2));
    m.signals.clear();
    raise(m.d(), Port{20});
    CHECK(m.signals.empty());

    m.d().ports[21] = {PortKind::ipi, 0, 0};
    m.shared().evtchn_mask[0] = 1u << 21;
    m.v(3).sleep = Sleep::polling;
    m.v(3).poll_count = 1;
    m.v(3).poll_port[0] = 21;
    raise(m.d(), Port{21});
    CHECK(m.kicked(3));
    CHECK_FALSE(m.kicked(1));
}

TEST_CASE("a vCPU with a vector of its own gets the upcall through its mailbox") {
    Smp m;
    const xen_hvm_evtchn_upcall_vector set{1, 0x70};
    CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, set) == 0);
    m.d().ports[20] = {PortKind::ipi, 1, 0};
    raise(m.d(), Port{20});
    CHECK(m.kicked(1));
    std::uint32_t vector = 0;
    m.v(1).mail.collect([&](std::uint8_t v) { vector = v; }, [] {}, [] {});
    CHECK(vector == 0x70);
}

TEST_CASE("a thread whose vCPU is down sleeps until it is kicked, without a deadline") {
    Smp m{2};
    m.v(1).timers.set_singleshot(5);
    m.deadlines.clear();
    m.on_wait = [&] { CHECK(m.v(1).runstate.info.state == RUNSTATE_offline); };
    m.d().holder = nullptr;
    m.d().lock.acquire(1);
    m.d().holder = &m.v(1);
    m.monitor().step(m.v(1));
    CHECK(m.waits == 1);
    CHECK(m.deadlines == std::vector<std::uint64_t>{0});
    m.d().lock.release(1);
}

TEST_CASE("a flush with a handle is refused and tells nobody") {
    Smp m{2};
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0x1000) == -XEN_EINVAL);
    CHECK_FALSE(m.v(1).mail.flush_waits());
    CHECK(m.v().sleep == Sleep::awake);
}

TEST_CASE("flush_tlbs of a domain with one vCPU waits for nobody") {
    Machine m;
    m.enter_long_mode();
    m.v().changed = VcpuGroups::none;
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0) == 0);
    CHECK(includes(m.v().changed, VcpuGroups::mode)); // its own go at the next entry
    CHECK(m.v().sleep == Sleep::awake);
}

TEST_CASE("who flushes goes on when every other thread has been out of its guest, also one whose vCPU is down") {
    Smp m{4};
    m.v(1).power.initialised = m.v(1).power.up = true; // in its guest
    m.v(2).power.initialised = m.v(2).power.up = true;
    m.v(2).sleep = Sleep::halted;
    m.v(3).power.initialised = true; // taken down by another a moment ago: perhaps in its guest still
    m.v().changed = VcpuGroups::none;
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0) == 0);
    CHECK(includes(m.v().changed, VcpuGroups::mode));
    for (const std::uint32_t other : {1u, 2u, 3u}) {
        CHECK(m.kicked(other));
    }
    for (const std::uint32_t other : {1u, 2u, 3u}) {
        CHECK_FALSE(should_wake(m.d(), m.v()));
        m.d().holder = &m.v(other); // whose thread runs now
        m.v(other).changed = VcpuGroups::none;
        m.signals.clear();
        collect_mail(m.d(), m.v(other));
        CHECK(includes(m.v(other).changed, VcpuGroups::mode));
        CHECK(m.kicked(0)); // it looks again
    }
    CHECK(should_wake(m.d(), m.v()));
}

TEST_CASE("two vCPUs that flush at once do not wait for each other for ever") {
    Smp m{2};
    m.v(1).power.initialised = m.v(1).power.up = true;
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0) == 0);
    m.v().mail.post_flush(); // what the other one's call does
    m.v(1).sleep = Sleep::flushing;
    collect_mail(m.d(), m.v(1));
    CHECK(should_wake(m.d(), m.v()));
    CHECK_FALSE(should_wake(m.d(), m.v(1)));
    collect_mail(m.d(), m.v());
    CHECK(should_wake(m.d(), m.v(1)));
}

TEST_CASE("a block after a flush does not make the flush shorter") {
    Smp m{2};
    m.v(1).power.initialised = m.v(1).power.up = true;
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0) == 0);
    CHECK(m.hypercall(__HYPERVISOR_sched_op, SCHEDOP_block) == 0);
    CHECK(m.v().sleep == Sleep::flushing);
}
