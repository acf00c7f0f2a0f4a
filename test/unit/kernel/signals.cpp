// SPDX-License-Identifier: Apache-2.0
// Signals, and whom they wake: a thread in wait, in reply_wait, in its guest on this or another CPU.
#include "object/control.hpp"

#include "system.hpp"

namespace bulkhead::kernel::test {

namespace {

struct Receiver {
    Receiver(System& s, std::uint32_t priority, std::uint32_t cpu = 0)
        : thread{s.thread(priority, cpu)}, events{s.make(ObjectType::event_set)}, sender{s.next_free()} {
        REQUIRE(capabilities.mint(s.slot(sender), s.slot(events), Rights::write, 130 | mint_badged, 0) == Status::ok);
    }
    Thread& thread;
    std::uint32_t events, sender;
};

} // namespace

TEST_CASE("REQ-IPC-002 a signal sets the badge's bit and ends a wait", "[kernel]") {
    System s;
    Receiver r{s, 10};
    Thread& other = s.thread(5);
    s.start(r.thread);
    s.start(other);
    s.choose();
    s.call(r.thread, Syscall::wait, r.events);
    REQUIRE(s.current() == &other);
    s.call(other, Syscall::signal, r.sender);
    REQUIRE(s.current() == &r.thread); // more urgent
    CHECK(System::result(r.thread) == Status::ok);
    const EventPage& page = s.object<EventSet>(r.events).page();
    CHECK(page.word[2] == 4);
    CHECK(page.summary[0] == 4);

    SECTION("a wait with news returns at once") {
        s.call(r.thread, Syscall::wait, r.events);
        CHECK(s.current() == &r.thread);
    }
    SECTION("a wait that has a deadline ends with it") {
        s.object<EventSet>(r.events).page().summary[0] = 0;
        s.call(r.thread, Syscall::wait, r.events, fake::machine.now + 5000);
        REQUIRE(s.current() == &other);
        CHECK(fake::machine.timer[0] == fake::machine.now + 5000);
        s.run_until_timer(0, fake::machine.now + 10'000);
        REQUIRE(s.current() == &r.thread);
        CHECK(System::result(r.thread) == Status::timeout);
        s.call(r.thread, Syscall::wait, r.events); // it can wait again,
        REQUIRE(s.current() == &other);
        s.call(other, Syscall::signal, r.sender); // and be woken
        REQUIRE(s.current() == &r.thread);
        s.object<EventSet>(r.events).page().summary[0] = 0;
        s.call(r.thread, Syscall::wait, r.events, fake::machine.now - 1);
        CHECK(System::result(r.thread) == Status::timeout);
    }
    SECTION("one waiter at a time") {
        s.object<EventSet>(r.events).page().summary[0] = 0;
        s.call(r.thread, Syscall::wait, r.events);
        REQUIRE(s.current() == &other);
        s.call(other, Syscall::wait, r.events);
        CHECK(System::result(other) == Status::busy);
    }
    SECTION("the set is destroyed under the waiter") {
        s.object<EventSet>(r.events).page().summary[0] = 0;
        s.call(r.thread, Syscall::wait, r.events);
        REQUIRE(s.invoke(other, space, Method::cap_delete, r.sender) == Status::ok);
        REQUIRE(s.invoke(other, space, Method::cap_delete, r.events) == Status::ok);
        CHECK(System::result(r.thread) == Status::aborted);
        CHECK(s.current() == &r.thread);
    }
}

TEST_CASE("REQ-IPC-002 a component hears signals between requests, on its own time", "[kernel]") {
    System s;
    Receiver r{s, 10};
    const std::uint32_t portal = s.make(ObjectType::portal);
    s.object<Portal>(portal).handler.set(&r.thread);
    Thread& client = s.thread(5);
    s.start(r.thread);
    s.choose();
    REQUIRE(s.invoke(r.thread, s.selector(r.thread), Method::thread_bind_events, r.events) == Status::ok);
    s.call(r.thread, Syscall::reply_wait);
    s.start(client);
    s.choose();
    s.call(client, Syscall::call, portal, 0);
    REQUIRE(s.current() == &r.thread);
    s.call(r.thread, Syscall::signal, r.sender); // news come while it works
    s.call(r.thread, Syscall::reply_wait);
    REQUIRE(s.current() == &r.thread);
    CHECK(System::result(r.thread) == Status::signalled);
    CHECK(s.cpus_payer() == &r.thread);
    CHECK(System::result(client) == Status::ok);
    CHECK(client.runnable());

    s.object<EventSet>(r.events).page().summary[0] = 0;
    s.call(r.thread, Syscall::reply_wait);
    REQUIRE(s.current() == &client);
    s.call(client, Syscall::signal, r.sender);
    CHECK(s.current() == &r.thread);
    CHECK(System::result(r.thread) == Status::signalled);
}

namespace {

struct Guest : Receiver {
    Guest(System& s, std::uint32_t priority, std::uint32_t cpu = 0)
        : Receiver{s, priority, cpu}, stage2{s.make(ObjectType::stage2, 8)}, vcpu{s.make(ObjectType::vcpu)} {
        s.object<Vcpu>(vcpu).stage2.set(&s.object<Stage2>(stage2));
        s.object<Vcpu>(vcpu).runner.set(&thread);
        thread.events.set(&s.object<EventSet>(events));
        s.object<EventSet>(events).bound.set(&thread);
        s.start(thread);
        s.choose(cpu);
    }
    std::uint32_t stage2, vcpu;
};

/// The guest leaves by a CPUID.
arch::GuestExit exits_by_cpuid(HostPhys pages, bool) {
    auto& state =
        *static_cast<VcpuState*>(arch::to_virtual(HostPhys{pages.value + (arch::vcpu_pages - 1) * page_size}));
    state.exit_reason = static_cast<std::uint32_t>(ExitReason::cpuid);
    return arch::GuestExit::monitor;
}

} // namespace

TEST_CASE("REQ-VCPU-001 vcpu_run returns with the exit, the news or the deadline", "[kernel]") {
    System s;
    Guest g{s, 10};
    std::vector<bool> flushes;
    fake::machine.guest = [&](HostPhys pages, bool flush) {
        flushes.push_back(flush);
        return exits_by_cpuid(pages, flush);
    };
    s.call(g.thread, Syscall::vcpu_run, g.vcpu);
    REQUIRE(s.current() == &g.thread);
    CHECK(System::result(g.thread) == Status::ok);
    CHECK(System::value(g.thread) == static_cast<std::uint64_t>(ExitReason::cpuid));
    s.call(g.thread, Syscall::vcpu_run, g.vcpu);
    CHECK(flushes == std::vector<bool>{true, false}); // the first entry, then none

    SECTION("news that are there already") {
        signal(s.object<EventSet>(g.events), 3);
        s.call(g.thread, Syscall::vcpu_run, g.vcpu);
        CHECK(System::result(g.thread) == Status::signalled);
        CHECK(flushes.size() == 2);
    }
    SECTION("news while it runs, from an interrupt handler") {
        fake::machine.guest = [&](HostPhys, bool) {
            const Locked lock;
            signal(s.object<EventSet>(g.events), 3);
            return arch::GuestExit::host;
        };
        s.call(g.thread, Syscall::vcpu_run, g.vcpu);
        CHECK(System::result(g.thread) == Status::signalled);
    }
    SECTION("the deadline") {
        fake::machine.guest = [&](HostPhys, bool) {
            fake::machine.now += 10'000;
            kernel_interrupt(0);
            return arch::GuestExit::host;
        };
        s.call(g.thread, Syscall::vcpu_run, g.vcpu, 0, 0, fake::machine.now + 4000);
        CHECK(System::result(g.thread) == Status::timeout);
        s.call(g.thread, Syscall::vcpu_run, g.vcpu, 0, 0, fake::machine.now);
        CHECK(System::result(g.thread) == Status::timeout);
    }
    SECTION("a state that no CPU accepts") {
        s.object<Vcpu>(g.vcpu).state().cr0 = ~std::uint64_t{0};
        s.call(g.thread, Syscall::vcpu_run, g.vcpu, static_cast<std::uint64_t>(VcpuGroups::mode));
        CHECK(System::result(g.thread) == Status::bad_argument);
        s.call(g.thread, Syscall::vcpu_run, g.vcpu, ~std::uint64_t{0});
        CHECK(System::result(g.thread) == Status::bad_argument);
    }
    SECTION("somebody else's vCPU") {
        Thread& thief = s.thread(20);
        s.start(thief);
        s.choose();
        s.call(thief, Syscall::vcpu_run, g.vcpu);
        CHECK(System::result(thief) == Status::busy);
    }
    SECTION("a stage 2 that is gone") {
        REQUIRE(s.invoke(g.thread, space, Method::cap_delete, g.stage2) == Status::ok);
        s.call(g.thread, Syscall::vcpu_run, g.vcpu);
        CHECK(System::result(g.thread) == Status::busy);
    }
    SECTION("a mapping that went makes the next entry flush") {
        const std::uint32_t page = s.make(ObjectType::region, page_size);
        REQUIRE(s.invoke(g.thread, page, Method::map, g.stage2, 0x1000, 3) == Status::ok);
        REQUIRE(s.invoke(g.thread, page, Method::unmap) == Status::ok);
        s.call(g.thread, Syscall::vcpu_run, g.vcpu);
        CHECK(flushes.back());
    }
}

TEST_CASE("REQ-VCPU-001 a signal to a guest on another CPU kicks that CPU", "[kernel]") {
    System s{2};
    Guest g{s, 10, 1};
    Thread& sender = s.thread(5, 0);
    s.start(sender);
    s.choose(0);
    // While the guest runs on CPU 1, CPU 0 signals.
    fake::machine.guest = [&](HostPhys, bool) {
        kernel_interrupt(1); // the kick that told it about its thread
        fake::machine.kicks.clear();
        s.call(sender, Syscall::signal, g.sender);
        fake::machine.current_cpu = 1;
        CHECK(fake::machine.kicks == std::vector<std::uint32_t>{1});
        kernel_interrupt(1);
        return arch::GuestExit::host;
    };
    s.call(g.thread, Syscall::vcpu_run, g.vcpu);
    CHECK(System::result(g.thread) == Status::signalled);
    CHECK(s.current(1) == &g.thread);
}

TEST_CASE("REQ-IRQ-001 an interrupt comes as a signal and stays masked until it is acknowledged", "[kernel]") {
    System s;
    Receiver r{s, 10};
    Capability lines;
    lines.type = ObjectType::interrupt;
    lines.rights = Rights::all;
    lines.size = 24;
    const std::uint32_t all = s.next_free();
    const std::uint32_t one = s.next_free();
    capabilities.insert_root(s.slot(all), lines);
    REQUIRE(capabilities.mint(s.slot(one), s.slot(all), Rights::control, 4, 1) == Status::ok);
    s.start(r.thread);
    s.choose();
    CHECK(s.invoke(r.thread, one, Method::interrupt_ack) == Status::bad_argument);
    CHECK(s.invoke(r.thread, all, Method::interrupt_bind, r.sender, 0) == Status::bad_argument);
    CHECK(s.invoke(r.thread, one, Method::interrupt_bind, r.events, 0) == Status::bad_argument);
    REQUIRE(s.invoke(r.thread, one, Method::interrupt_bind, r.sender, 0) == Status::ok);
    CHECK(fake::machine.unmasked == std::vector<std::uint32_t>{4});
    s.call(r.thread, Syscall::wait, r.events);
    s.interrupt(0, 32 + 4);
    CHECK(fake::machine.masked == std::vector<std::uint32_t>{4});
    REQUIRE(s.current() == &r.thread);
    REQUIRE(s.invoke(r.thread, one, Method::interrupt_ack) == Status::ok);
    CHECK(fake::machine.unmasked == std::vector<std::uint32_t>{4, 4});
    REQUIRE(s.invoke(r.thread, space, Method::cap_delete, all) == Status::ok);
    REQUIRE(s.invoke(r.thread, space, Method::cap_delete, one) == Status::ok);
}

} // namespace bulkhead::kernel::test
