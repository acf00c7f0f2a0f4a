// SPDX-License-Identifier: Apache-2.0
// The whole component in the simulated machine: a sender that it hands out raises the right bit of the right monitor,
// and no longer once the channel is closed.
#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include <bulkhead/rpc.hpp>
#include <sim.hpp>

#include "service.hpp"

using namespace bulkhead;
using namespace bulkhead::event;

namespace {

struct World {
    static constexpr Selector inbox{900};

    sim::Machine machine;
    sim::Component& event = machine.add("event");
    sim::Component& builder = machine.add("domain");
    sim::Component& one = machine.add("monitor 1");
    sim::Component& two = machine.add("monitor 2");
    std::vector<PortTable::Bucket> memory{64};
    std::unique_ptr<Service> service = std::make_unique<Service>(memory, 4096);
    Server<Service> server{*service, window};
    bulkhead_EventReply reply{};
    std::uint32_t received{0};

    World() {
        machine.connect(builder, slot::event, event, ClientId::domain);
        machine.connect(one, slot::event, event, monitor_of(DomId{1}));
        machine.connect(two, slot::event, event, monitor_of(DomId{2}));
        machine.give_events(builder, Selector{801}, one, Rights::write | Rights::derive);
        machine.give_events(builder, Selector{802}, two, Rights::write | Rights::derive);
        machine.serve(event, server);
    }
    std::int32_t ask(sim::Component& who, const bulkhead_EventRequest& request, std::span<const CapItem> caps = {}) {
        reply = {};
        machine.run_as(who,
                       [&] { REQUIRE(rpc(slot::event, request, reply, caps, inbox, 1, &received) == Status::ok); });
        return reply.result;
    }
    std::int32_t add(std::uint32_t domain) {
        bulkhead_EventRequest request{};
        request.which_request = bulkhead_EventRequest_add_domain_tag;
        request.request.add_domain = {domain, 2, 4096};
        const CapItem caps[] = {{800 + domain, Rights::write | Rights::derive, 0, 0}};
        return ask(builder, request, caps);
    }
    std::int32_t simple(sim::Component& who, pb_size_t tag, std::uint32_t a = 0, std::uint32_t b = 0) {
        bulkhead_EventRequest request{};
        request.which_request = tag;
        request.request.alloc_unbound = {a, b, 0}; // all of them begin with up to two numbers
        return ask(who, request);
    }
    Status signal(sim::Component& who, Selector sender = inbox) {
        Status status{};
        machine.run_as(who, [&] { status = sys::signal(sender); });
        return status;
    }
    bool raised(sim::Component& who, std::uint32_t port) {
        return ((machine.event_page(who).word[port / 64] >> (port % 64)) & 1) != 0;
    }
};

} // namespace

TEST_CASE_METHOD(World, "two domains connect, send and part", "[event]") {
    REQUIRE(add(1) == 0);
    REQUIRE(add(2) == 0);
    const std::uint32_t idle = machine.used_slots(event);
    REQUIRE(simple(two, bulkhead_EventRequest_bind_ipi_tag, 1) == 0); // so that the ports differ
    REQUIRE(simple(two, bulkhead_EventRequest_alloc_unbound_tag, 2, 1) == 0);
    const std::uint32_t theirs = reply.port;
    REQUIRE(theirs == 2);
    REQUIRE(simple(one, bulkhead_EventRequest_bind_interdomain_tag, 2, theirs) == 0);
    REQUIRE(received == 1);
    const std::uint32_t mine = reply.port;
    REQUIRE(mine == 1);
    CHECK(machine.inspect(one, inbox).badge == theirs);
    CHECK(machine.inspect(one, inbox).rights == Rights::write);
    REQUIRE(simple(two, bulkhead_EventRequest_get_sender_tag, theirs) == 0);
    REQUIRE(received == 1);

    REQUIRE(signal(one) == Status::ok);
    CHECK(raised(two, theirs));
    CHECK_FALSE(raised(one, mine));
    REQUIRE(signal(two) == Status::ok);
    CHECK(raised(one, mine));

    REQUIRE(simple(one, bulkhead_EventRequest_status_tag, 1, mine) == 0);
    CHECK(reply.status == EVTCHNSTAT_interdomain);
    CHECK(reply.remote == 2);
    CHECK(reply.remote_port == theirs);

    REQUIRE(simple(two, bulkhead_EventRequest_close_tag, theirs) == 0);
    CHECK(signal(one) == Status::bad_selector);
    CHECK(signal(two) == Status::bad_selector);
    CHECK(machine.used_slots(event) == idle);
    REQUIRE(simple(one, bulkhead_EventRequest_status_tag, 1, mine) == 0);
    CHECK(reply.status == EVTCHNSTAT_unbound);
    REQUIRE(simple(one, bulkhead_EventRequest_get_sender_tag, mine) == 0);
    CHECK(received == 0);
    CHECK(reply.status == EVTCHNSTAT_unbound);
}

TEST_CASE_METHOD(World, "a component's channel, in the machine", "[event]") {
    REQUIRE(add(1) == 0);
    REQUIRE(simple(builder, bulkhead_EventRequest_alloc_static_tag, 1, 6) == 0);
    REQUIRE(received == 1);
    REQUIRE(signal(builder) == Status::ok);
    CHECK(raised(one, reply.port));
    REQUIRE(simple(one, bulkhead_EventRequest_close_tag, reply.port) == 0);
    CHECK(signal(builder) == Status::bad_selector);
}

TEST_CASE_METHOD(World, "VIRQs", "[event]") {
    REQUIRE(add(1) == 0);
    REQUIRE(simple(one, bulkhead_EventRequest_bind_virq_tag, VIRQ_TIMER, 1) == 0);
    const std::uint32_t port = reply.port;
    CHECK(simple(one, bulkhead_EventRequest_bind_virq_tag, VIRQ_TIMER, 1) == -XEN_EEXIST);
    CHECK(simple(one, bulkhead_EventRequest_bind_vcpu_tag, port, 0) == -XEN_EINVAL);
    REQUIRE(simple(one, bulkhead_EventRequest_status_tag, 1, port) == 0);
    CHECK(reply.status == EVTCHNSTAT_virq);
    CHECK(reply.virq == VIRQ_TIMER);
    CHECK(reply.vcpu == 1);
    CHECK(simple(one, bulkhead_EventRequest_reset_tag) == 0);
    CHECK(simple(one, bulkhead_EventRequest_bind_virq_tag, VIRQ_TIMER, 1) == 0);
}

TEST_CASE_METHOD(World, "who may ask what", "[event]") {
    REQUIRE(add(1) == 0);
    CHECK(simple(one, bulkhead_EventRequest_remove_domain_tag, 1) == -XEN_EPERM);
    CHECK(simple(one, bulkhead_EventRequest_alloc_static_tag, 1, 6) == -XEN_EPERM);
    CHECK(simple(builder, bulkhead_EventRequest_bind_ipi_tag, 0) == -XEN_EPERM);
    CHECK(simple(builder, bulkhead_EventRequest_reset_tag) == -XEN_EPERM);
    CHECK(simple(two, bulkhead_EventRequest_bind_ipi_tag, 0) == -XEN_ESRCH); // not added yet
    CHECK(service->refusals().count() == 4);
    machine.connect(two, Selector{950}, event, ClientId{0x141});
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_reset_tag;
    machine.run_as(two, [&] { REQUIRE(rpc(Selector{950}, request, reply) == Status::ok); });
    CHECK(reply.result == -XEN_EPERM);
}

TEST_CASE_METHOD(World, "domains without the right capability are refused, and leave nothing", "[event]") {
    const std::uint32_t idle = machine.used_slots(event);
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_add_domain_tag;
    request.request.add_domain = {1, 1, 4096};
    CHECK(ask(builder, request) == -XEN_EINVAL);
    machine.make(builder, ObjectType::region, page_size, Selector{810});
    const CapItem region[] = {{810, Rights::read, 0, 0}};
    CHECK(ask(builder, request, region) == -XEN_EINVAL);
    request.request.add_domain.domain = 65;
    const CapItem events[] = {{801, Rights::write | Rights::derive, 0, 0}};
    CHECK(ask(builder, request, events) == -XEN_EINVAL);
    CHECK(machine.used_slots(event) == idle);
    REQUIRE(add(1) == 0);
    CHECK(add(1) == -XEN_EEXIST);
    CHECK(machine.used_slots(event) == idle + 1);
}

TEST_CASE_METHOD(World, "a removed domain takes its channels along, in whatever order it goes", "[event]") {
    const std::uint32_t idle = machine.used_slots(event);
    REQUIRE(add(1) == 0);
    REQUIRE(add(2) == 0);
    REQUIRE(simple(two, bulkhead_EventRequest_alloc_unbound_tag, 2, 1) == 0);
    REQUIRE(simple(one, bulkhead_EventRequest_bind_interdomain_tag, 2, 1) == 0);
    SECTION("told first") {}
    SECTION("its EventSet is gone already") {
        machine.run_as(builder, [&] { REQUIRE(sys::revoke(Selector{802}) == Status::ok); });
        CHECK(signal(one) == Status::bad_selector);
    }
    REQUIRE(simple(builder, bulkhead_EventRequest_remove_domain_tag, 2) == 0);
    CHECK(signal(one) == Status::bad_selector);
    REQUIRE(simple(one, bulkhead_EventRequest_get_sender_tag, 1) == 0);
    CHECK(received == 0);
    REQUIRE(simple(builder, bulkhead_EventRequest_remove_domain_tag, 1) == 0);
    CHECK(machine.used_slots(event) == idle);
}

TEST_CASE_METHOD(World, "a monitor with no room for the sender can ask again", "[event]") {
    REQUIRE(add(1) == 0);
    REQUIRE(add(2) == 0);
    REQUIRE(simple(two, bulkhead_EventRequest_alloc_unbound_tag, 2, 1) == 0);
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_bind_interdomain_tag;
    request.request.bind_interdomain = {2, 1, 0};
    machine.run_as(one, [&] { CHECK(rpc(slot::event, request, reply) == Status::out_of_range); });
    REQUIRE(simple(one, bulkhead_EventRequest_status_tag, 1, 1) == 0);
    CHECK(reply.status == EVTCHNSTAT_interdomain);
    REQUIRE(simple(one, bulkhead_EventRequest_get_sender_tag, 1) == 0);
    CHECK(received == 1);
    REQUIRE(signal(one) == Status::ok);
    CHECK(raised(two, 1));
}
