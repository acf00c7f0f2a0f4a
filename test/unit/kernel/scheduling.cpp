// SPDX-License-Identifier: Apache-2.0
// Who gets how much of a CPU.
#include "sched/scheduler.hpp"

#include <map>

#include "system.hpp"

namespace bulkhead::kernel::test {

namespace {

/// Runs CPU 0 for `length` ticks, everybody spinning; returns who got how much.
std::map<Thread*, std::uint64_t> spin(System& s, std::uint64_t length) {
    std::map<Thread*, std::uint64_t> got;
    const std::uint64_t end = fake::machine.now + length;
    while (fake::machine.now < end) {
        Thread* const running = s.current();
        got[running] += s.run_until_timer(0, end);
    }
    return got;
}

/// Makes `handler` wait for calls; returns the selector of its portal.
std::uint32_t serve(System& s, Thread& handler) {
    const std::uint32_t portal = s.make(ObjectType::portal);
    s.object<Portal>(portal).handler.set(&handler);
    s.start(handler);
    s.choose();
    s.call(handler, Syscall::reply_wait);
    return portal;
}

constexpr std::uint64_t ms = 1'000'000; // the fake machine's TSC runs at 1 GHz

} // namespace

TEST_CASE("REQ-SCHED-001 equals take turns, the more urgent goes first", "[kernel]") {
    System s;
    Thread& a = s.thread(5);
    Thread& b = s.thread(5);
    s.start(a);
    s.start(b);
    s.choose();
    auto got = spin(s, 200 * ms);
    CHECK(got[&a] == 100 * ms);
    CHECK(got[&b] == 100 * ms);
    Thread& urgent = s.thread(6);
    s.start(urgent);
    s.choose();
    got = spin(s, 50 * ms);
    CHECK(got[&urgent] == 50 * ms);
}

TEST_CASE("REQ-SCHED-002 a thread never gets more than its budget, and its neighbour never less than its own",
          "[kernel]") {
    System s;
    Thread& greedy = s.thread(9, 0, 3000, 10'000); // more urgent, spins for ever
    Thread& neighbour = s.thread(5, 0, 7000, 10'000);
    s.start(greedy);
    s.start(neighbour);
    s.choose();
    const auto got = spin(s, 1000 * ms);
    CHECK(got.at(&greedy) <= 303 * ms);
    CHECK(got.at(&greedy) >= 297 * ms);
    CHECK(got.at(&neighbour) >= 690 * ms);
}

TEST_CASE("REQ-SCHED-002 a lone thread without limit costs no timer interrupts", "[kernel]") {
    System s;
    Thread& a = s.thread(5);
    s.start(a);
    s.choose();
    CHECK(s.run_until_timer(0, fake::machine.now + 10'000 * ms) == 10'000 * ms);
    CHECK(fake::machine.timer[0] == ~std::uint64_t{0});
}

TEST_CASE("REQ-SCHED-001 an equal that another CPU woke gets its turn, however long the first one spins", "[kernel]") {
    System s{2};
    Thread& spinner = s.thread(5, 1);
    s.start(spinner);
    s.choose(1);
    s.interrupt(1, 1); // the kick that told it about its thread
    REQUIRE(s.current(1) == &spinner);
    REQUIRE(fake::machine.timer[1] == ~std::uint64_t{0}); // alone: no turn ends
    s.choose(0);
    fake::machine.kicks.clear();
    Thread& woken = s.thread(5, 1);
    s.start(woken);
    REQUIRE(fake::machine.kicks == std::vector<std::uint32_t>{1});
    s.interrupt(1, 1);
    CHECK(s.current(1) == &spinner);
    s.run_until_timer(1, fake::machine.now + 100 * ms);
    CHECK(s.current(1) == &woken);
}

TEST_CASE("REQ-GUEST-014 a thread is told for how long others, or its budget, kept it from the CPU", "[kernel]") {
    System s;
    Thread& a = s.thread(5);
    Thread& b = s.thread(5, 0, 2000, 10'000);
    s.start(a);
    s.choose();
    spin(s, 100 * ms);
    CHECK(a.utcb().waited == 0); // alone
    s.start(b);
    s.choose();
    const std::uint64_t start = fake::machine.now;
    const auto got = spin(s, 1000 * ms);
    // What one of them has waited since its last turn is not yet in it.
    const std::uint64_t spent = fake::machine.now - start;
    for (Thread* const thread : {&a, &b}) {
        const std::uint64_t waited = spent - got.at(thread);
        CHECK(thread->utcb().waited <= waited);
        CHECK(thread->utcb().waited + (s.current() == thread ? 0 : 10 * ms) >= waited);
    }
}

TEST_CASE("REQ-GUEST-014 time asleep and time in which its callee works for it is no waiting", "[kernel]") {
    System s;
    Thread& handler = s.thread(20);
    const std::uint32_t portal = serve(s, handler);
    Thread& caller = s.thread(5);
    s.start(caller);
    s.choose();
    s.call(caller, Syscall::call, portal, 0);
    fake::machine.now += 7 * ms;
    s.call(handler, Syscall::reply_wait);
    REQUIRE(s.current() == &caller);
    CHECK(caller.utcb().waited == 0);
    CHECK(handler.utcb().waited == 0);
    Thread& urgent = s.thread(6);
    s.start(urgent);
    s.choose();
    fake::machine.now += 3 * ms;
    const std::uint32_t events = s.make(ObjectType::event_set);
    s.call(urgent, Syscall::wait, events);
    REQUIRE(s.current() == &caller);
    CHECK(caller.utcb().waited == 3 * ms);
    fake::machine.now += 5 * ms;
    s.interrupt(0, 1);
    CHECK(urgent.utcb().waited == 0);
}

TEST_CASE("REQ-SCHED-001 an exhausted budget comes back with the next period", "[kernel]") {
    System s;
    Thread& a = s.thread(5, 0, 1000, 10'000);
    s.start(a);
    s.choose();
    CHECK(s.run_until_timer(0, fake::machine.now + 100 * ms) == 1 * ms);
    CHECK(s.current() == nullptr);
    CHECK(s.run_until_timer(0, fake::machine.now + 100 * ms) == 9 * ms);
    CHECK(s.current() == &a);
    // Asleep for long, it finds one full budget, not several.
    s.call(a, Syscall::yield);
    const auto got = spin(s, 100 * ms);
    CHECK(got.at(&a) <= 11 * ms);
}

TEST_CASE("REQ-IPC-001 a call uses the caller's budget up, wherever the handler's code runs", "[kernel]") {
    System s;
    Thread& handler = s.thread(20);
    const std::uint32_t portal = serve(s, handler);
    Thread& poor = s.thread(5, 0, 1000, 100'000);
    Thread& other = s.thread(5);
    s.start(poor);
    s.choose();
    s.call(poor, Syscall::call, portal, 0);
    REQUIRE(s.current() == &handler);
    s.start(other);
    const auto got = spin(s, 50 * ms);
    CHECK(got.at(&handler) <= 2 * ms);
    // Another caller need not wait for the next period of the first: it lends the handler its own time.
    REQUIRE(s.current() == &other);
    s.call(other, Syscall::call, portal, 0);
    CHECK(s.current() == &handler);
    CHECK(s.cpus_payer() == &other);
}

TEST_CASE("REQ-IPC-001 whoever waits for a handler that runs on another CPU goes on when that CPU leaves it",
          "[kernel]") {
    System s{2};
    Thread& handler = s.thread(20, 0);
    const std::uint32_t portal = serve(s, handler);
    Thread& here = s.thread(5, 0);
    Thread& there = s.thread(5, 1);
    s.start(here);
    s.choose(0);
    s.start(there);
    s.choose(1);
    s.call(here, Syscall::call, portal, 0);
    REQUIRE(s.current(0) == &handler);
    s.call(there, Syscall::call, portal, 0);
    REQUIRE(s.current(1) == nullptr);
    CHECK(there.budget.place == Budget::Place::parked);

    s.interrupt(1, 1); // the kick that told it about its thread
    fake::machine.kicks.clear();
    s.call(handler, Syscall::reply_wait); // answers here; goes on with there's request, which is paid on CPU 1
    CHECK(s.current(0) == &here);
    CHECK(fake::machine.kicks == std::vector<std::uint32_t>{1});
    s.interrupt(1, 1);
    REQUIRE(s.current(1) == &handler);
    CHECK(handler.running_on == 1);
    s.call(handler, Syscall::reply_wait);
    CHECK(s.current(1) == &there);
    CHECK(System::result(there) == Status::ok);
}

TEST_CASE("REQ-IPC-001 a handler that waits in the middle of a call goes on, woken from whichever CPU", "[kernel]") {
    System s{2};
    Thread& handler = s.thread(20, 0);
    const std::uint32_t portal = s.make(ObjectType::portal);
    const std::uint32_t set = s.make(ObjectType::event_set);
    s.object<Portal>(portal).handler.set(&handler);
    s.start(handler);
    s.choose(0);
    s.call(handler, Syscall::reply_wait);
    Thread& caller = s.thread(5, 0);
    Thread& waker = s.thread(5, 1);
    s.start(caller);
    s.choose(0);
    s.call(caller, Syscall::call, portal, 0);
    REQUIRE(s.current(0) == &handler);
    s.call(handler, Syscall::wait, set);
    REQUIRE(s.current(0) == nullptr);
    CHECK(cpus[0]->ready_mask == 0); // no CPU idles with something in its queue that it will not look at again

    s.start(waker);
    s.choose(1);
    fake::machine.kicks.clear();
    s.call(waker, Syscall::signal, set);
    CHECK(fake::machine.kicks == std::vector<std::uint32_t>{0});
    s.interrupt(0, 1);
    CHECK(s.current(0) == &handler);
    CHECK(s.cpus_payer(0) == &caller);
}

TEST_CASE("REQ-SCHED-001 a thread whose CPU time moves while it pays for others is in one CPU's queue only",
          "[kernel]") {
    System s{2};
    Thread& handler = s.thread(5);
    const std::uint32_t portal = serve(s, handler);
    Thread& caller = s.thread(5);
    s.start(caller);
    s.choose();
    s.call(caller, Syscall::call, portal, 0);
    REQUIRE(s.current() == &handler);
    REQUIRE(s.cpus_payer() == &caller);
    fake::machine.now += ms;
    fake::machine.current_cpu = 1;
    Thread& boss = s.thread(9, 1);
    s.start(boss);
    s.choose(1);
    const std::uint64_t time_of_cpu_1 = time_of_cpus | (std::uint64_t{1} << 32);
    REQUIRE(s.invoke(boss, s.selector(caller), Method::thread_stop) == Status::ok);
    REQUIRE(s.invoke(boss, s.selector(caller), Method::thread_schedule, time_of_cpu_1, 5, 0, 0) == Status::ok);
    REQUIRE(s.invoke(boss, s.selector(caller), Method::thread_start) == Status::ok);
    fake::machine.now += 20 * ms; // its turn on CPU 0 would be over
    s.interrupt(0, 1);
    CHECK(s.current(0) == &handler); // on its own time
    CHECK(handler.utcb().waited <= 20 * ms);
    fake::machine.current_cpu = 1;
    s.call(boss, Syscall::reply_wait);
    CHECK(s.current(1) == &caller);
}

TEST_CASE("REQ-GUEST-014 a handler that goes on on its own time has not waited before", "[kernel]") {
    System s{2};
    Thread& handler = s.thread(5);
    const std::uint32_t portal = serve(s, handler);
    fake::machine.now += 1000 * ms;
    Thread& caller = s.thread(5);
    s.start(caller);
    s.choose();
    s.call(caller, Syscall::call, portal, 0);
    REQUIRE(s.current() == &handler);
    fake::machine.current_cpu = 1;
    Thread& boss = s.thread(9, 1);
    s.start(boss);
    s.choose(1);
    REQUIRE(s.invoke(boss, s.selector(caller), Method::thread_stop) == Status::ok);
    s.interrupt(0, 1);
    REQUIRE(s.current(0) == &handler);
    CHECK(handler.utcb().waited < ms);
}

TEST_CASE("REQ-SCHED-003 CPU time is given only out of a CpuTime capability", "[kernel]") {
    System s{2};
    Thread& root = s.thread(40);
    const std::uint32_t subject = s.make(ObjectType::thread);
    const std::uint32_t little = s.next_free();
    REQUIRE(capabilities.mint(s.slot(little), s.slot(time_of_cpus), Rights::control, 10, 0b01) == Status::ok);
    s.start(root);
    s.choose();
    const auto on = [](std::uint32_t authority, std::uint64_t cpu) { return authority | (cpu << 32); };
    CHECK(s.invoke(root, subject, Method::thread_schedule, on(little, 0), 10, 0, 0) == Status::ok);
    CHECK(s.invoke(root, subject, Method::thread_schedule, on(little, 0), 11, 0, 0) == Status::out_of_range);
    CHECK(s.invoke(root, subject, Method::thread_schedule, on(little, 1), 10, 0, 0) == Status::out_of_range);
    CHECK(s.invoke(root, subject, Method::thread_schedule, on(little, 40), 10, 0, 0) == Status::out_of_range);
    CHECK(s.invoke(root, subject, Method::thread_schedule, on(untyped, 0), 10, 0, 0) == Status::bad_type);
    CHECK(s.invoke(root, subject, Method::thread_schedule, on(little, 0), 10, 200, 100) == Status::bad_argument);
    CHECK(s.invoke(root, subject, Method::thread_schedule, on(little, 0), 10, 10, 50) == Status::bad_argument);
    CHECK(s.invoke(root, s.selector(root), Method::thread_schedule, on(little, 0), 10, 0, 0) == Status::busy);
}

} // namespace bulkhead::kernel::test
