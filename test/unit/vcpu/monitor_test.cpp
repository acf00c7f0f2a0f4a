// SPDX-License-Identifier: Apache-2.0
// Start and run loop: entry state, exits, timers, sleep, the end.
// REQ-GUEST-009 REQ-GUEST-010 REQ-DOMAIN-001
#include <catch2/catch.hpp>

#include "entry_state.hpp"
#include "events.hpp"
#include "exceptions.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {
constexpr std::uint8_t callback_vector = 0xf3;

sys::Raw exit(ExitReason reason) {
    return {Status::ok, static_cast<std::uint64_t>(reason)};
}
/// Back from the guest for the kernel's own reasons.
sys::Raw without_exit() {
    return {Status::timeout, 0};
}
void step(Machine& m) {
    m.monitor().step(m.v());
}
/// The next run ends with that exit.
void step(Machine& m, ExitReason reason) {
    m.runs.push_back([reason] { return exit(reason); });
    step(m);
}
void step_without_exit(Machine& m) {
    m.runs.push_back(without_exit);
    step(m);
}
} // namespace

TEST_CASE("the PVH entry state") {
    Machine m;
    const VcpuState& s = m.state();
    CHECK(s.rip == test::entry_address);
    CHECK(m.gpr(Gpr::rbx) == test::start_info_address);
    CHECK(s.rflags == 2);
    CHECK((s.cr0 & ~0x10ull) == 1);
    CHECK((s.cr3 | s.cr4 | s.efer) == 0);
    CHECK(s.cs.access == 0xc9b);
    for (const Segment* data : {&s.ds, &s.es, &s.ss}) {
        CHECK(data->access == 0xc93);
    }
    for (const Segment* flat : {&s.cs, &s.ds, &s.es, &s.ss}) {
        CHECK(flat->base == 0);
        CHECK(flat->limit == 0xffff'ffff);
    }
    CHECK(s.tr.access == 0x8b);
    CHECK(s.tr.limit == 0x67);
    CHECK(s.tr.base == 0);
    CHECK(s.pat == pat_at_reset);
    CHECK(s.tsc_offset == 0);
    step_without_exit(m);
    CHECK(m.changed[0] == VcpuGroups::all);
    step_without_exit(m);
    CHECK(m.changed[1] == VcpuGroups::none);
}

TEST_CASE("clocks are right before the guest runs") {
    Machine m;
    CHECK(m.shared().vcpu_info[0].time.tsc_to_system_mul != 0);
    CHECK(m.shared().wc_sec == 1'700'000'000);
}

TEST_CASE("start messages that make no sense") {
    const auto refused = [](auto&& change) {
        Machine m{false};
        bulkhead_MonitorStart start = m.start_message();
        change(m, start);
        return m.monitor().start(start) != nullptr;
    };
    CHECK_FALSE(refused([](Machine&, auto&) {}));
    CHECK(refused([](Machine&, auto& s) { s.domain = 0; }));
    CHECK(refused([](Machine&, auto& s) { s.domain = 65; }));
    CHECK(refused([](Machine&, auto& s) { s.vcpus = max_vcpus + 1; }));
    CHECK(refused([](Machine&, auto& s) { s.tsc_khz = 0; }));
    CHECK(refused([](Machine&, auto& s) { s.tsc_khz = std::uint64_t{1} << 32; }));
    CHECK(refused([](Machine&, auto& s) { s.ram_count = 0; }));
    CHECK(refused([](Machine&, auto& s) { s.ram[0].bytes = 100; }));
    CHECK(refused([](Machine&, auto& s) { s.ram[0].bytes = std::uint64_t{1} << 50; }));
    CHECK(refused([](Machine&, auto& s) {
        s.ram_count = 2;
        s.ram[1] = {0x1000, 0x1000};
    }));
    CHECK(refused([](Machine&, auto& s) { s.entry = std::uint64_t{1} << 32; }));
    CHECK(refused([](Machine&, auto& s) { s.start_info = test::ram_bytes; }));
    CHECK(refused([](Machine&, auto& s) { s.console_port = max_ports; }));
    CHECK(refused([](Machine& m, auto&) { m.store(test::start_info_address, std::uint32_t{0}); }));
    CHECK(refused([](Machine& m, auto&) {
        hvm_start_info info = m.load<hvm_start_info>(test::start_info_address);
        info.memmap_paddr = test::ram_bytes - 10;
        m.store(test::start_info_address, info);
    }));
}

TEST_CASE("exits: cpuid, MSRs, port, garbage") {
    Machine m;
    m.enter_long_mode();
    VcpuState& s = m.state();
    s.instruction_length = 2;
    m.gpr(Gpr::rax) = 0x1111'1111'4000'0000;
    step(m, ExitReason::cpuid);
    CHECK(m.gpr(Gpr::rbx) == XEN_CPUID_SIGNATURE_EBX);
    CHECK(s.rip == test::entry_address + 2);

    m.gpr(Gpr::rcx) = 0xc000'0080;
    step(m, ExitReason::rdmsr);
    CHECK(m.gpr(Gpr::rax) == 0xd01);
    CHECK(m.gpr(Gpr::rdx) == 0);
    m.gpr(Gpr::rcx) = 0x277;
    m.gpr(Gpr::rax) = 0xffff'ffff'0007'0106;
    m.gpr(Gpr::rdx) = 0xffff'ffff'0007'0106;
    step(m, ExitReason::wrmsr);
    CHECK(s.pat == 0x0007'0106'0007'0106);
    CHECK(s.rip == test::entry_address + 6);

    m.gpr(Gpr::rcx) = 0x1234;
    step(m, ExitReason::rdmsr);
    CHECK(s.inject == make_exception(exception::general_protection, 0));
    CHECK(s.rip == test::entry_address + 6);
    step(m, ExitReason::wrmsr);
    CHECK(s.inject == make_exception(exception::general_protection, 0));
    step(m, ExitReason::privileged);
    CHECK(s.inject == make_exception(exception::undefined_opcode));
    CHECK_FALSE(m.d().ended);
}

TEST_CASE("exits: what ends a domain") {
    Machine m;
    m.enter_long_mode();
    const auto ends = [&](ExitReason reason) {
        step(m, reason);
        return m.d().ended;
    };
    SECTION("triple fault") {
        CHECK(ends(ExitReason::triple_fault));
        CHECK(m.d().shutdown_reason == SHUTDOWN_crash);
        CHECK(m.d().shutdown_rip == test::entry_address);
    }
    SECTION("HLT with interrupts off") {
        CHECK(ends(ExitReason::hlt));
        CHECK(m.d().shutdown_reason == SHUTDOWN_poweroff);
    }
    SECTION("a bad state: a second chance, not a third") {
        CHECK_FALSE(ends(ExitReason::invalid_state));
        CHECK(m.state().inject == make_exception(exception::general_protection, 0));
        CHECK(ends(ExitReason::invalid_state));
    }
    SECTION("a bad state, but then it runs") {
        CHECK_FALSE(ends(ExitReason::invalid_state));
        CHECK_FALSE(ends(ExitReason::cpuid));
        CHECK_FALSE(ends(ExitReason::invalid_state));
    }
    SECTION("events that cannot be delivered") {
        m.state().interrupted = make_exception(14, 2);
        CHECK(ends(ExitReason::stage2_fault));
    }
    SECTION("an unknown reason") {
        CHECK(ends(static_cast<ExitReason>(77)));
    }
    SECTION("the kernel refuses the state") {
        m.runs.push_back([] { return sys::Raw{Status::bad_argument, 0}; });
        step(m);
        CHECK(m.d().ended);
    }
}

TEST_CASE("intercepted exceptions go where they wanted to") {
    Machine m;
    m.state().qualification = 17;
    step(m, ExitReason::exception);
    CHECK(m.state().inject == make_exception(17, 0));
    m.state().qualification = 1;
    step(m, ExitReason::exception);
    CHECK(m.state().inject == make_exception(1));
    m.state().qualification = 14 | (std::uint64_t{2} << 32);
    m.state().address = 0x1234;
    step(m, ExitReason::exception);
    CHECK(m.state().inject == make_exception(14, 2));
    CHECK(m.state().cr2 == 0x1234);
}

TEST_CASE("HLT sleeps until an interrupt can be delivered") {
    Machine m;
    m.enter_long_mode();
    m.state().rflags |= 1u << 9;
    m.d().callback.vector = callback_vector;
    m.d().ports[9].kind = PortKind::interdomain;
    step(m, ExitReason::hlt);
    CHECK(m.v().sleep == Sleep::halted);
    m.tsc += 100;
    step(m); // waits; nothing comes
    CHECK(m.waits == 1);
    CHECK(m.v().sleep == Sleep::halted);
    m.on_wait = [&] {
        m.tsc += 1000;
        m.events().word[0] = 1u << 9;
        m.events().summary[0] = 1;
    };
    step(m);
    CHECK(m.waits == 2);
    m.runs.push_back([&] {
        CHECK(m.state().pending_vector == (0x100 | callback_vector));
        return without_exit();
    });
    step(m);
    CHECK(m.v().sleep == Sleep::awake);
    CHECK(m.v().runstate.info.time[RUNSTATE_blocked] == 1000);
    CHECK(m.v().runstate.info.time[RUNSTATE_running] == 100);
    CHECK(m.v().runstate.info.state == RUNSTATE_running);
}

TEST_CASE("HLT with an interrupt waiting does not sleep") {
    Machine m;
    m.enter_long_mode();
    m.state().rflags |= 1u << 9;
    m.d().callback.vector = callback_vector;
    raise(m.d(), Port{9});
    step(m, ExitReason::hlt);
    step_without_exit(m);
    CHECK(m.waits == 0);
}

TEST_CASE("timers fire, in and out of the guest") {
    Machine m;
    m.enter_long_mode();
    m.state().rflags |= 1u << 9;
    m.d().callback.vector = callback_vector;
    m.d().ports[9] = {PortKind::virq, 0, VIRQ_TIMER};
    m.v().virq_port[VIRQ_TIMER] = 9;
    m.v().timers.set_singleshot(m.tsc + 500);
    m.runs.push_back([&] {
        m.tsc += 500;
        return sys::Raw{Status::timeout, 0};
    });
    step(m);
    CHECK(m.deadlines.back() == 1'000'500);
    CHECK_FALSE(is_pending(m.d(), Port{9}));
    step(m, ExitReason::hlt);
    CHECK(is_pending(m.d(), Port{9}));
    CHECK(m.deadlines.back() == 0);

    m.shared().evtchn_pending[0] = 0;
    m.v().info->evtchn_upcall_pending = 0;
    m.v().info->evtchn_pending_sel = 0;
    m.v().timers.set_singleshot(m.tsc + 700);
    m.on_wait = [&] { m.tsc += 700; };
    step(m); // sleeps until the deadline
    CHECK(m.deadlines.back() == m.tsc);
    step_without_exit(m);
    CHECK(is_pending(m.d(), Port{9}));
    CHECK(m.v().sleep == Sleep::awake);
}

TEST_CASE("a poll ends when its time is up") {
    Machine m;
    m.v().sleep = Sleep::polling;
    m.v().poll_count = 1;
    m.v().poll_port[0] = 5;
    m.v().timers.set_poll(m.tsc + 10);
    m.on_wait = [&] { m.tsc += 10; };
    step(m);
    step_without_exit(m);
    CHECK(m.v().sleep == Sleep::awake);
    CHECK(m.v().poll_count == 0);
}

TEST_CASE("a signal goes with the next entry, or before a sleep") {
    Machine m;
    m.enter_long_mode();
    constexpr std::uint32_t console = slot::console_sender.value;
    m.v().signal_port = Port{test::console_port};
    step_without_exit(m);
    CHECK(m.run_signals == std::vector<std::uint32_t>{console});
    step_without_exit(m);
    CHECK(m.run_signals.size() == 1);
    m.v().signal_port = Port{test::console_port};
    m.v().sleep = Sleep::blocked;
    step(m);
    CHECK(m.signals == std::vector<std::uint32_t>{console});

    SECTION("the other end is gone: the guest runs all the same") {
        m.v().sleep = Sleep::awake;
        m.v().signal_port = Port{test::console_port};
        m.v().touch(VcpuGroups::ip);
        m.runs.push_back([] { return sys::Raw{Status::bad_selector, 0}; });
        step(m);
        CHECK_FALSE(m.d().ended);
        CHECK(m.d().ports[test::console_port].kind == PortKind::unknown);
        step_without_exit(m);
        CHECK(includes(m.changed.back(), VcpuGroups::ip)); // the refused entry took nothing
    }
    SECTION("what was sent before the end arrives") {
        m.v().signal_port = Port{test::console_port};
        m.d().end(SHUTDOWN_poweroff, "test");
        m.signals.clear();
        CHECK(m.monitor().run(m.monitor().domain().vcpus[0]));
        CHECK(m.signals == std::vector<std::uint32_t>{console});
    }
    SECTION("the peer has closed and bound again: the event goes to the new sender") {
        std::uint32_t asked = 0;
        m.event = [&](const bulkhead_EventRequest& request, bulkhead_EventReply&) {
            CHECK(request.which_request == bulkhead_EventRequest_get_sender_tag);
            CHECK(request.request.get_sender.port == test::console_port);
            ++asked;
            m.signal_status = Status::ok; // it is in the slot now
            return 1u;
        };
        m.signals.clear();
        m.v().sleep = Sleep::awake;
        m.v().signal_port = Port{test::console_port};
        SECTION("with an entry") {
            m.runs.push_back([] { return sys::Raw{Status::bad_selector, 0}; });
            step(m);
            CHECK(m.signals == std::vector<std::uint32_t>{console});
        }
        SECTION("before the vCPU sleeps") {
            m.v().sleep = Sleep::blocked;
            m.signal_status = Status::bad_selector;
            step(m);
            CHECK(m.signals == std::vector<std::uint32_t>{console, console});
        }
        CHECK(asked == 1);
        CHECK(m.d().ports[test::console_port].kind == PortKind::interdomain);
        CHECK(m.v().signal_port.value == 0);
    }
    SECTION("a component whose capabilities are worth nothing does not keep the guest from running") {
        m.event = [&](const bulkhead_EventRequest&, bulkhead_EventReply&) { return 1u; };
        m.signal_status = Status::no_right;
        m.v().sleep = Sleep::awake;
        m.v().signal_port = Port{test::console_port};
        m.runs.push_back([] { return sys::Raw{Status::no_right, 0}; });
        step(m);
        CHECK(m.d().ports[test::console_port].kind == PortKind::unknown);
        CHECK(m.v().signal_port.value == 0);
        step_without_exit(m);
    }
}

TEST_CASE("signalled: events are taken and the guest goes on") {
    Machine m;
    m.d().ports[9].kind = PortKind::interdomain;
    m.events().word[0] = 1u << 9;
    m.events().summary[0] = 1;
    m.state().interrupted = make_interrupt(0x30);
    m.runs.push_back([] { return sys::Raw{Status::signalled, 0}; });
    step(m);
    CHECK(is_pending(m.d(), Port{9}));
    CHECK(m.state().inject == make_interrupt(0x30)); // not lost with the early return
}

TEST_CASE("the runstate area is kept up to date, with the update flag if asked for") {
    Machine m;
    m.enter_long_mode();
    m.state().rflags |= 1u << 9;
    m.d().callback.vector = callback_vector;
    m.d().ports[9].kind = PortKind::interdomain;
    constexpr std::uint64_t area = test::scratch + 0x100;
    REQUIRE(m.vcpu_operation(VCPUOP_register_runstate_memory_area, area) == 0);
    m.d().runstate_update_flag = true;
    step(m, ExitReason::hlt);
    m.on_wait = [&] {
        m.tsc += 5000;
        m.events().word[0] = 1u << 9;
        m.events().summary[0] = 1;
    };
    step(m);
    step_without_exit(m);
    const auto told = m.load<vcpu_runstate_info>(area);
    CHECK(told.state == RUNSTATE_running);
    CHECK(told.time[RUNSTATE_blocked] == 5000);
    CHECK(told.state_entry_time == m.tsc);
    CHECK((told.state_entry_time & XEN_RUNSTATE_UPDATE) == 0);
}

TEST_CASE("REQ-GUEST-014 what a thread waited for its CPU is RUNSTATE_runnable, whatever the vCPU was doing") {
    Machine m;
    m.enter_long_mode();
    constexpr std::uint64_t area = test::scratch + 0x100;
    REQUIRE(m.vcpu_operation(VCPUOP_register_runstate_memory_area, area) == 0);
    const std::uint64_t start = m.tsc;
    m.runs.push_back([&] { // 30 of these 100 without the CPU
        m.tsc += 100;
        sys::utcb().waited += 30;
        return without_exit();
    });
    step(m);
    auto told = m.load<vcpu_runstate_info>(area);
    CHECK(told.state == RUNSTATE_running);
    CHECK(told.time[RUNSTATE_running] == 70);
    CHECK(told.time[RUNSTATE_runnable] == 30);
    CHECK(told.state_entry_time == start + 100);

    m.state().rflags |= 1u << 9;
    m.d().callback.vector = callback_vector;
    m.d().ports[9].kind = PortKind::interdomain;
    step(m, ExitReason::hlt);
    m.on_wait = [&] { // woken after 1000, it gets the CPU 200 later
        m.tsc += 1200;
        sys::utcb().waited += 200;
        m.events().word[0] = 1u << 9;
        m.events().summary[0] = 1;
    };
    step(m);
    step_without_exit(m);
    told = m.load<vcpu_runstate_info>(area);
    CHECK(told.time[RUNSTATE_blocked] == 1000);
    CHECK(told.time[RUNSTATE_runnable] == 230);

    sys::utcb().waited += 1; // never more than what has passed
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, test::scratch) == 0);
    told = m.load<vcpu_runstate_info>(test::scratch);
    CHECK(told.time[RUNSTATE_running] == 70);
    CHECK(told.time[RUNSTATE_runnable] == 230);
}

TEST_CASE("REQ-GUEST-014 the area is told when the guest's kernel can be reached, not its user code") {
    Machine m;
    m.enter_long_mode();
    constexpr std::uint64_t area = test::scratch + 0x100;
    REQUIRE(m.vcpu_operation(VCPUOP_register_runstate_memory_area, area) == 0);
    const auto exit_at = [&](std::uint32_t cpl, std::uint64_t waited) {
        m.runs.push_back([&m, cpl, waited] {
            m.tsc += 100;
            sys::utcb().waited += waited;
            m.state().cpl = cpl;
            return without_exit();
        });
        step(m);
        return m.load<vcpu_runstate_info>(area).time[RUNSTATE_runnable];
    };
    CHECK(exit_at(3, 30) == 0); // by its page tables the guest's kernel is out of reach
    CHECK(exit_at(0, 0) == 30);
}

TEST_CASE("run ends with the domain, and its last words are sent") {
    Machine m;
    m.enter_long_mode();
    m.d().log.put({"last words", 10});
    m.runs.push_back([&] { return exit(ExitReason::hlt); });
    CHECK(m.monitor().run(m.monitor().domain().vcpus[0]));
    CHECK(m.d().ended);
    CHECK(m.log.back() == "last words");
}
