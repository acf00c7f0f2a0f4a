// SPDX-License-Identifier: Apache-2.0
// Calls through portals: messages, capabilities, lent time, and what happens when one side goes away.
#include "ipc/call.hpp"

#include <cstring>

#include "system.hpp"

namespace bulkhead::kernel::test {

namespace {

struct Service {
    explicit Service(System& s, std::uint32_t priority = 10)
        : thread{s.thread(priority)}, portal{s.make(ObjectType::portal)} {
        s.object<Portal>(portal).handler.set(&thread);
        s.start(thread);
        s.choose();
        s.call(thread, Syscall::reply_wait);
        REQUIRE(thread.state == Thread::State::receiving);
    }
    Thread& thread;
    std::uint32_t portal;
};

void put(Thread& t, const char* text) {
    std::strcpy(reinterpret_cast<char*>(t.utcb().data), text);
}
std::string got(const Thread& t) {
    return reinterpret_cast<const char*>(t.utcb().data);
}

} // namespace

TEST_CASE("REQ-IPC-001 a call goes to the handler and its reply back", "[kernel]") {
    System s;
    Service service{s};
    const std::uint32_t badged = s.next_free();
    REQUIRE(capabilities.mint(s.slot(badged), s.slot(service.portal), Rights::write, 77 | mint_badged, 0) ==
            Status::ok);
    Thread& client = s.thread(5);
    s.start(client);
    s.choose();
    REQUIRE(s.current() == &client);

    put(client, "hello");
    s.call(client, Syscall::call, badged, MessageInfo{6, 0}.pack());
    REQUIRE(s.current() == &service.thread);
    CHECK(s.cpus_payer() == &client);
    CHECK(System::result(service.thread) == Status::ok);
    CHECK(MessageInfo::unpack(System::value(service.thread)).length == 6);
    CHECK(service.thread.utcb().badge == 77);
    CHECK(got(service.thread) == "hello");

    put(service.thread, "world!");
    s.call(service.thread, Syscall::reply_wait, 0, MessageInfo{7, 0}.pack());
    REQUIRE(s.current() == &client);
    CHECK(System::result(client) == Status::ok);
    CHECK(MessageInfo::unpack(System::value(client)).length == 7);
    CHECK(got(client) == "world!");
    CHECK(service.thread.state == Thread::State::receiving);

    SECTION("without the right to call") {
        const std::uint32_t deaf = s.next_free();
        REQUIRE(capabilities.mint(s.slot(deaf), s.slot(service.portal), Rights::read, 0, 0) == Status::ok);
        s.call(client, Syscall::call, deaf, 0);
        CHECK(System::result(client) == Status::no_right);
    }
    SECTION("with a length that no message has") {
        s.call(client, Syscall::call, badged, MessageInfo{Utcb::data_size + 1, 0}.pack());
        CHECK(System::result(client) == Status::bad_argument);
        s.call(client, Syscall::call, badged, MessageInfo{0, Utcb::max_caps + 1}.pack());
        CHECK(System::result(client) == Status::bad_argument);
    }
    SECTION("through something that is no portal") {
        s.call(client, Syscall::call, untyped, 0);
        CHECK(System::result(client) == Status::bad_type);
        s.call(client, Syscall::call, 0, 0);
        CHECK(System::result(client) == Status::bad_selector);
        s.call(client, Syscall::call, ~std::uint64_t{0}, 0);
        CHECK(System::result(client) == Status::bad_selector);
    }
}

TEST_CASE("REQ-IPC-001 callers of a busy handler are served in order", "[kernel]") {
    System s;
    Service service{s};
    Thread& a = s.thread(5);
    Thread& b = s.thread(6);
    Thread& c = s.thread(7);
    s.start(a);
    s.choose();
    s.call(a, Syscall::call, service.portal, 0);
    s.start(b);
    s.choose(); // the more urgent one preempts the handler's work for a
    REQUIRE(s.current() == &b);
    s.call(b, Syscall::call, service.portal, 0);
    // ... and then helps: the handler finishes a's request on b's time.
    REQUIRE(s.current() == &service.thread);
    CHECK(s.cpus_payer() == &b);
    CHECK(service.thread.caller == &a);
    s.start(c);
    s.choose();
    s.call(c, Syscall::call, service.portal, 0);
    CHECK(s.cpus_payer() == &c);

    s.call(service.thread, Syscall::reply_wait);
    CHECK(service.thread.caller == &b);
    CHECK(s.cpus_payer() == &c); // still helping
    s.call(service.thread, Syscall::reply_wait);
    CHECK(service.thread.caller == &c);
    s.call(service.thread, Syscall::reply_wait);
    CHECK(s.current() == &c);
    CHECK(System::result(a) == Status::ok);
    CHECK(System::result(b) == Status::ok);
    CHECK(System::result(c) == Status::ok);
}

TEST_CASE("REQ-IPC-001 a handler that faults or is destroyed fails its callers, and nobody else", "[kernel]") {
    System s;
    Service service{s};
    Thread& a = s.thread(5);
    Thread& b = s.thread(6);
    s.start(a);
    s.choose();
    s.call(a, Syscall::call, service.portal, 0);
    s.start(b);
    s.choose();
    s.call(b, Syscall::call, service.portal, 0);
    REQUIRE(s.current() == &service.thread);

    SECTION("fault") {
        s.exception(0, 14);
        CHECK(service.thread.state == Thread::State::faulted);
        CHECK(service.thread.fault.vector == 14);
    }
    SECTION("destruction") {
        Thread& killer = s.thread(20);
        s.start(killer);
        s.choose();
        REQUIRE(s.invoke(killer, space, Method::cap_delete, s.selector(service.thread)) == Status::ok);
        s.call(killer, Syscall::wait, 0);
        REQUIRE(s.invoke(killer, s.selector(killer), Method::thread_stop) == Status::ok);
    }
    CHECK(System::result(a) == Status::aborted);
    CHECK(System::result(b) == Status::aborted);
    REQUIRE(s.current() == &b);
    s.call(b, Syscall::call, service.portal, 0);
    CHECK(System::result(b) == Status::aborted);
}

TEST_CASE("REQ-KERNEL-012 a thread that expects an exception goes on where it has said, once", "[kernel]") {
    System s;
    Thread& a = s.thread(5);
    s.start(a);
    s.choose();
    REQUIRE(s.current() == &a);
    a.frame.rip = 0x1000;
    a.frame.gpr[static_cast<unsigned>(Gpr::rsi)] = 77;
    a.utcb().on_fault = 0x2000;
    s.exception(0, 14);
    CHECK(a.state == Thread::State::running);
    CHECK(s.current() == &a);
    CHECK(a.frame.rip == 0x2000);
    CHECK(a.frame.gpr[static_cast<unsigned>(Gpr::rsi)] == 77);
    CHECK(a.utcb().on_fault == 0);
    s.exception(0, 14);
    CHECK(a.state == Thread::State::faulted);
    CHECK(a.fault.rip == 0x2000);
}

TEST_CASE("REQ-IPC-001 a chain of calls that would wait for itself is refused", "[kernel]") {
    System s;
    Service x{s};
    Service y{s, 11};
    Thread& client = s.thread(5);
    s.start(client);
    s.choose();
    s.call(client, Syscall::call, x.portal, 0);
    s.call(x.thread, Syscall::call, y.portal, 0);
    REQUIRE(s.current() == &y.thread);
    s.call(y.thread, Syscall::call, x.portal, 0);
    CHECK(System::result(y.thread) == Status::busy);
    s.call(y.thread, Syscall::call, y.portal, 0);
    CHECK(System::result(y.thread) == Status::busy);
    s.call(y.thread, Syscall::reply_wait);
    REQUIRE(s.current() == &x.thread);
    s.call(x.thread, Syscall::reply_wait);
    CHECK(s.current() == &client);
}

TEST_CASE("REQ-IPC-001 capabilities travel with a message, all or none", "[kernel]") {
    System s;
    Service service{s};
    Thread& client = s.thread(5);
    s.start(client);
    s.choose();
    const std::uint32_t region = s.make(ObjectType::region, 4096);
    const std::uint32_t event = s.make(ObjectType::event_set);
    const std::uint32_t window = 400;
    service.thread.utcb().receive_selector = window;
    service.thread.utcb().receive_count = 2;
    client.utcb().caps[0] = {region, Rights::read, 0, 0};
    client.utcb().caps[1] = {event, Rights::all, 1, 0};

    SECTION("copied and moved") {
        s.call(client, Syscall::call, service.portal, MessageInfo{0, 2}.pack());
        REQUIRE(s.current() == &service.thread);
        CHECK(s.slot(window).capability.type == ObjectType::region);
        CHECK(s.slot(window).capability.rights == Rights::read);
        CHECK(s.slot(window).parent == &s.slot(region));
        CHECK(s.slot(window + 1).capability.type == ObjectType::event_set);
        CHECK(s.slot(event).empty());
        CHECK(service.thread.utcb().caps[1].selector == window + 1);
    }
    SECTION("no room: nothing moves, the caller hears of it") {
        service.thread.utcb().receive_count = 1;
        s.call(client, Syscall::call, service.portal, MessageInfo{0, 2}.pack());
        CHECK(s.current() == &client);
        CHECK(System::result(client) == Status::out_of_range);
        CHECK(s.slot(window).empty());
        CHECK_FALSE(s.slot(event).empty());
        CHECK(service.thread.state == Thread::State::receiving);
    }
    SECTION("the second is bad: the first does not move either") {
        client.utcb().caps[1] = {499, Rights::all, 0, 0};
        s.call(client, Syscall::call, service.portal, MessageInfo{0, 2}.pack());
        CHECK(System::result(client) == Status::bad_selector);
        CHECK(s.slot(window).empty());
        client.utcb().caps[1] = {untyped, Rights::all, 0, 0};
        s.call(client, Syscall::call, service.portal, MessageInfo{0, 2}.pack());
        CHECK(System::result(client) == Status::bad_type);
        client.utcb().caps[1] = {region, Rights::all, 0, 0};
        s.call(client, Syscall::call, service.portal, MessageInfo{0, 2}.pack());
        CHECK(System::result(client) == Status::bad_argument);
    }
}

} // namespace bulkhead::kernel::test
