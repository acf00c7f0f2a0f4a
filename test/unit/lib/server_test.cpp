// SPDX-License-Identifier: Apache-2.0
// The server loop against the real kernel: decoding, capabilities that come and go, signals.
// REQ-MSG-001 REQ-COMP-004
#include <catch2/catch.hpp>

#include <bulkhead/client.hpp>
#include <bulkhead/rpc.hpp>
#include <bulkhead/server.hpp>

#include <console.pb.h>
#include <memory.pb.h>

#include "sim.hpp"

using namespace bulkhead;

namespace {

/// A component that does what the test says.
struct Echo {
    using Request = bulkhead_MemoryRequest;
    using Reply = bulkhead_MemoryReply;
    std::function<void(const Request&, Reply&, CapsIn&, CapsOut&)> act;
    std::vector<ClientId> clients;
    std::vector<std::uint32_t> bits;

    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out) {
        clients.push_back(who);
        act(request, reply, in, out);
    }
    void on_event(std::uint32_t bit) { bits.push_back(bit); }
};

struct Fixture {
    sim::Machine machine;
    sim::Component& service = machine.add("service");
    sim::Component& client = machine.add("client");
    Echo echo;
    Server<Echo> server{echo};

    Fixture() {
        machine.connect(client, slot::memory, service, monitor_of(DomId{7}));
        machine.serve(service, server);
    }
    static bulkhead_MemoryRequest release(std::uint32_t domain) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_release_tag;
        request.request.release.domain = domain;
        return request;
    }
};

constexpr Selector mine{2000};
constexpr Selector theirs{3000};

} // namespace

TEST_CASE("a request reaches the handler with the client's badge, and the reply comes back", "[lib]") {
    Fixture f;
    f.echo.act = [](const auto& request, auto& reply, CapsIn& in, CapsOut&) {
        CHECK(in.count() == 0);
        CHECK(request.which_request == bulkhead_MemoryRequest_release_tag);
        reply.result = -5;
        reply.value = request.request.release.domain * 1000ull;
    };
    f.machine.run_as(f.client, [] {
        bulkhead_MemoryReply reply{};
        for (std::uint32_t i = 1; i <= 3; ++i) {
            REQUIRE(rpc(slot::memory, Fixture::release(i), reply) == Status::ok);
            CHECK(reply.result == -5);
            CHECK(reply.value == i * 1000);
        }
    });
    CHECK(f.echo.clients == std::vector<ClientId>(3, monitor_of(DomId{7})));
    CHECK(f.server.counters().requests == 3);
}

TEST_CASE("malformed and unknown requests never reach the handler", "[lib]") {
    Fixture f;
    f.echo.act = [](const auto&, auto&, CapsIn&, CapsOut&) { FAIL("reached"); };
    f.machine.run_as(f.client, [] {
        const auto ask = [](std::initializer_list<std::uint8_t> bytes) {
            std::copy(bytes.begin(), bytes.end(), sys::utcb().data);
            const auto result = sys::call(slot::memory, {static_cast<std::uint32_t>(bytes.size()), 0});
            REQUIRE(result.status == Status::ok);
            bulkhead_MemoryReply reply{};
            REQUIRE(decode(std::span<const std::uint8_t>{sys::utcb().data, result.info.length}, reply));
            return reply.result;
        };
        CHECK(ask({0xff, 0xff, 0xff}) == -XEN_EINVAL);
        CHECK(ask({0x12, 0x7f, 0x01}) == -XEN_EINVAL); // a submessage longer than the message
        CHECK(ask({}) == -XEN_ENOSYS);
        CHECK(ask({0xfa, 0x01, 0x00}) == -XEN_ENOSYS); // field 31: from the future
    });
    CHECK(f.server.counters().malformed == 2);
    CHECK(f.server.counters().unknown == 2);
    CHECK(f.echo.clients.empty());
}

TEST_CASE("each kind of bad message has its own error and count, and the component goes on", "[lib]") {
    Fixture f;
    std::vector<std::uint32_t> domains;
    f.echo.act = [&](const auto& request, auto&, CapsIn&, CapsOut&) {
        domains.push_back(request.request.release.domain);
    };
    f.machine.run_as(f.client, [&] {
        const auto ask = [](std::vector<std::uint8_t> bytes, std::uint32_t missing = 0) {
            std::copy(bytes.begin(), bytes.end(), sys::utcb().data);
            const auto length = static_cast<std::uint32_t>(bytes.size()) - missing;
            const auto result = sys::call(slot::memory, {length, 0});
            REQUIRE(result.status == Status::ok);
            bulkhead_MemoryReply reply{};
            REQUIRE(decode(std::span<const std::uint8_t>{sys::utcb().data, result.info.length}, reply));
            return reply.result;
        };
        const auto encoded = [](std::uint32_t domain) {
            const auto length = encode(Fixture::release(domain), std::span<std::uint8_t>{sys::utcb().data});
            REQUIRE(length.ok());
            return std::vector<std::uint8_t>(sys::utcb().data, sys::utcb().data + *length);
        };
        const auto alive = [&](std::uint32_t domain) { REQUIRE(ask(encoded(domain)) == 0); };
        alive(1);

        // Truncated: every message that is a beginning of a good one. Of no bytes at all nothing is known.
        const auto good = encoded(300);
        for (std::uint32_t missing = 1; missing < good.size(); ++missing) {
            CHECK(ask(good, missing) == -XEN_EINVAL);
        }
        const std::uint64_t truncated = good.size() - 1;
        CHECK(f.server.counters().malformed == truncated);
        alive(2);

        // A number that its field cannot hold: 2^32 where 32 bits are.
        std::vector<std::uint8_t> large = good;
        REQUIRE(large.size() == 5); // submessage, its length, field, two bytes of a number
        large.resize(3);
        large.insert(large.end(), {0x80, 0x80, 0x80, 0x80, 0x10});
        large[1] = static_cast<std::uint8_t>(large.size() - 2);
        CHECK(ask(large) == -XEN_EINVAL);
        CHECK(f.server.counters().malformed == truncated + 1);
        alive(3);

        // Newer: an operation that this component does not know is refused; a field that it does not know is ignored.
        CHECK(ask({0xfa, 0x01, 0x00}) == -XEN_ENOSYS);
        CHECK(f.server.counters().unknown == 1);
        auto newer = encoded(4);
        newer.insert(newer.end(), {0xa0, 0x06, 0x05});
        CHECK(ask(newer) == 0);
        CHECK(f.server.counters().malformed == truncated + 1);
        CHECK(f.server.counters().unknown == 1);
        alive(5);
    });
    CHECK(domains == std::vector<std::uint32_t>{1, 2, 3, 4, 5});
}

TEST_CASE("capabilities that the handler does not take are deleted", "[lib]") {
    Fixture f;
    f.machine.make(f.client, ObjectType::region, page_size, mine);
    f.echo.act = [](const auto& request, auto&, CapsIn& in, CapsOut&) {
        REQUIRE(in.count() == 2);
        CHECK(in.type(0) == ObjectType::region);
        CHECK(in.type(1) == ObjectType::event_set);
        CHECK(in.type(2) == ObjectType::null);
        if (request.request.release.domain == 1) {
            CHECK(in.take(1, theirs) == Status::ok);
            CHECK(in.at(1) == no_selector);
            CHECK(in.take(1, Selector{3001}) == Status::bad_selector);
        }
    };
    const std::uint32_t before = f.machine.used_slots(f.service);
    f.machine.run_as(f.client, [] {
        const CapItem send[] = {{mine.value, Rights::read, 0, 0}, {slot::events.value, Rights::write, 0, 0}};
        bulkhead_MemoryReply reply{};
        REQUIRE(rpc(slot::memory, Fixture::release(1), reply, send) == Status::ok);
        REQUIRE(rpc(slot::memory, Fixture::release(2), reply, send) == Status::ok);
    });
    CHECK(f.machine.used_slots(f.service) == before + 1);
    CHECK(f.machine.inspect(f.service, theirs).type == ObjectType::event_set);
    CHECK(f.machine.inspect(f.service, theirs).rights == Rights::write);
}

TEST_CASE("replies carry copies and moved capabilities", "[lib]") {
    Fixture f;
    f.machine.make(f.service, ObjectType::region, page_size, theirs);
    f.machine.make(f.service, ObjectType::untyped, page_size, Selector{3001});
    f.echo.act = [](const auto&, auto&, CapsIn&, CapsOut& out) {
        CHECK(out.copy(theirs, Rights::read));
        CHECK(out.move(Selector{3001}));
    };
    f.machine.run_as(f.client, [] {
        bulkhead_MemoryReply reply{};
        std::uint32_t received = 99;
        REQUIRE(rpc(slot::memory, Fixture::release(1), reply, {}, mine, 2, &received) == Status::ok);
        CHECK(received == 2);
    });
    CHECK(f.machine.inspect(f.client, mine).type == ObjectType::region);
    CHECK(f.machine.inspect(f.client, mine).rights == Rights::read);
    CHECK(f.machine.inspect(f.client, Selector{2001}).type == ObjectType::untyped);
    CHECK(f.machine.inspect(f.service, theirs).type == ObjectType::region);
    CHECK(f.machine.inspect(f.service, Selector{3001}).type == ObjectType::null);
}

TEST_CASE("a client without room for a reply's capabilities costs the server nothing", "[lib]") {
    Fixture f;
    f.machine.make(f.service, ObjectType::region, page_size, theirs);
    f.echo.act = [](const auto&, auto&, CapsIn&, CapsOut& out) {
        REQUIRE(sys::mint(slot::cap_space, Selector{3001}, theirs, Rights::read) == Status::ok);
        CHECK(out.move(Selector{3001}));
    };
    f.machine.run_as(f.client, [] {
        bulkhead_MemoryReply reply{};
        for (int i = 0; i < 3; ++i) {
            CHECK(rpc(slot::memory, Fixture::release(1), reply) == Status::out_of_range);
        }
        CHECK(rpc(slot::memory, Fixture::release(1), reply, {}, mine, 1) == Status::ok);
    });
    CHECK(f.server.counters().undelivered == 3);
    CHECK(f.machine.inspect(f.service, Selector{3001}).type == ObjectType::null);
}

TEST_CASE("signals reach the service, between requests and under a stream of them", "[lib]") {
    Fixture f;
    f.machine.give_sender(f.client, mine, f.service, 5);
    f.machine.give_sender(f.client, Selector{2001}, f.service, 700);
    f.machine.run_as(f.client, [] {
        CHECK(sys::signal(mine) == Status::ok);
        CHECK(sys::signal(Selector{2001}) == Status::ok);
    });
    CHECK(f.echo.bits == std::vector<std::uint32_t>{5, 700});

    // A handler that is signalled while it serves sees it afterwards.
    f.machine.give_sender(f.service, theirs, f.service, 9);
    f.echo.act = [](const auto&, auto&, CapsIn&, CapsOut&) { CHECK(sys::signal(theirs) == Status::ok); };
    f.machine.run_as(f.client, [] {
        bulkhead_MemoryReply reply{};
        REQUIRE(rpc(slot::memory, Fixture::release(1), reply) == Status::ok);
    });
    CHECK(f.echo.bits == std::vector<std::uint32_t>{5, 700, 9});
}

TEST_CASE("callers of a component that dies are told", "[lib]") {
    Fixture f;
    f.machine.kill(f.service);
    f.machine.run_as(f.client, [] {
        bulkhead_MemoryReply reply{};
        CHECK(rpc(slot::memory, Fixture::release(1), reply) == Status::aborted);
    });
}
