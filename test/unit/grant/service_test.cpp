// SPDX-License-Identifier: Apache-2.0
// The whole component in the simulated machine: frames come from the domain's memory, and go with it.
#include <catch2/catch.hpp>

#include <memory>

#include <bulkhead/rpc.hpp>
#include <sim.hpp>

#include "service.hpp"

using namespace bulkhead;
using namespace bulkhead::grant;

namespace {

struct World {
    static constexpr Selector inbox{900}, domain_memory{800}, table_memory{801};

    sim::Machine machine;
    sim::Component& grant = machine.add("grant");
    sim::Component& builder = machine.add("domain");
    sim::Component& memory = machine.add("memory");
    sim::Component& monitor = machine.add("monitor");
    std::unique_ptr<Service> service = std::make_unique<Service>();
    Server<Service> server{*service, window};
    bulkhead_GrantReply reply{};
    std::uint32_t received{0};

    World() {
        machine.connect(builder, slot::grant, grant, ClientId::domain);
        machine.connect(memory, slot::grant, grant, ClientId::memory);
        machine.connect(monitor, slot::grant, grant, monitor_of(DomId{1}));
        machine.give_untyped(builder, 16 * page_size, domain_memory);
        machine.serve(grant, server);
    }
    std::int32_t ask(sim::Component& who, const bulkhead_GrantRequest& request, std::span<const CapItem> caps = {}) {
        reply = {};
        machine.run_as(who,
                       [&] { REQUIRE(rpc(slot::grant, request, reply, caps, inbox, 1, &received) == Status::ok); });
        return reply.result;
    }
    std::int32_t add(std::uint32_t domain, std::uint32_t frames) {
        bulkhead_GrantRequest request{};
        request.which_request = bulkhead_GrantRequest_add_domain_tag;
        request.request.add_domain = {domain, frames, 2};
        machine.run_as(builder, [&] {
            REQUIRE(sys::revoke(domain_memory) == Status::ok);
            REQUIRE(sys::retype(domain_memory, ObjectType::untyped, 4 * page_size, table_memory) == Status::ok);
        });
        const CapItem caps[] = {{table_memory.value, Rights::all, 1, 0}};
        return ask(builder, request, caps);
    }
    std::int32_t simple(sim::Component& who, pb_size_t tag, std::uint32_t number) {
        bulkhead_GrantRequest request{};
        request.which_request = tag;
        request.request.query_size.domain = number;
        return ask(who, request);
    }
    std::int32_t frame(sim::Component& who, std::uint32_t domain, std::uint32_t index, bool status = false) {
        bulkhead_GrantRequest request{};
        request.which_request = bulkhead_GrantRequest_get_frame_tag;
        request.request.get_frame = {domain, index, status};
        return ask(who, request);
    }
};

} // namespace

TEST_CASE_METHOD(World, "frames are the domain's memory, one page each, and stay what they are", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    REQUIRE(add(1, 4) == 0);
    CHECK(machine.used_slots(grant) == idle + 2);
    REQUIRE(frame(memory, 1, 3) == 0);
    REQUIRE(received == 1);
    CHECK(machine.inspect(memory, inbox).rights == (Rights::read | Rights::write));
    const auto third = machine.memory_of(memory, inbox);
    REQUIRE(third.size() == page_size);
    CHECK(machine.used_slots(grant) == idle + 2); // moved, not kept

    machine.run_as(memory, [&] { REQUIRE(sys::move(slot::cap_space, Selector{901}, inbox) == Status::ok); });
    REQUIRE(frame(memory, 1, 0) == 0);
    CHECK(machine.memory_of(memory, inbox).data() + 3 * page_size == third.data());
    REQUIRE(simple(monitor, bulkhead_GrantRequest_query_size_tag, 1) == 0);
    CHECK(reply.status == GNTST_okay);
    CHECK(reply.frames == 4);
    CHECK(reply.max_frames == 4);

    machine.run_as(memory, [&] { REQUIRE(sys::remove(inbox) == Status::ok); });
    CHECK(frame(memory, 1, 4) == -XEN_EINVAL);
    CHECK(received == 0);
    CHECK(frame(memory, 1, 0, true) == -XEN_EINVAL);
    CHECK(frame(memory, 2, 0) == -XEN_ESRCH);
    CHECK(frame(memory, 65, 0) == -XEN_ESRCH);

    REQUIRE(simple(builder, bulkhead_GrantRequest_remove_domain_tag, 1) == 0);
    CHECK(machine.inspect(memory, Selector{901}).type == ObjectType::null);
    CHECK(machine.used_slots(grant) == idle);
}

TEST_CASE_METHOD(World, "too little memory is refused, and nothing is left of it", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    CHECK(add(1, 5) == -XEN_ENOMEM);
    CHECK(add(65, 4) == -XEN_EINVAL);
    CHECK(add(1, 0) == -XEN_EINVAL);
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_add_domain_tag;
    request.request.add_domain = {1, 4, 1};
    CHECK(ask(builder, request) == -XEN_EINVAL);
    machine.make(builder, ObjectType::region, 4 * page_size, Selector{810});
    const CapItem region[] = {{810, Rights::all, 0, 0}};
    CHECK(ask(builder, request, region) == -XEN_EINVAL);
    CHECK(machine.used_slots(grant) == idle);
    CHECK(add(1, 4) == 0);
    machine.give_untyped(builder, 4 * page_size, Selector{811});
    const CapItem more[] = {{811, Rights::all, 1, 0}};
    CHECK(ask(builder, request, more) == -XEN_EEXIST);
    CHECK(machine.used_slots(grant) == idle + 2);
}

TEST_CASE_METHOD(World, "a domain whose memory is gone can be removed and come again", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    REQUIRE(add(1, 4) == 0);
    machine.run_as(builder, [&] { REQUIRE(sys::revoke(domain_memory) == Status::ok); });
    CHECK(machine.used_slots(grant) == idle);
    CHECK(frame(memory, 1, 0) == -XEN_EINVAL);
    REQUIRE(simple(builder, bulkhead_GrantRequest_remove_domain_tag, 1) == 0);
    CHECK(add(1, 4) == 0);
}

TEST_CASE_METHOD(World, "versions", "[grant]") {
    REQUIRE(add(1, 4) == 0);
    CHECK(simple(monitor, bulkhead_GrantRequest_set_version_tag, 1) == 0);
    CHECK(reply.version == 1);
    CHECK(simple(monitor, bulkhead_GrantRequest_set_version_tag, 2) == -XEN_ENOSYS);
    CHECK(simple(monitor, bulkhead_GrantRequest_get_version_tag, 1) == 0);
    CHECK(reply.version == 1);
    CHECK(simple(monitor, bulkhead_GrantRequest_get_version_tag, 2) == -XEN_ESRCH);
}

TEST_CASE_METHOD(World, "who may ask what", "[grant]") {
    REQUIRE(add(1, 4) == 0);
    CHECK(frame(monitor, 1, 0) == -XEN_EPERM);
    CHECK(frame(builder, 1, 0) == -XEN_EPERM);
    CHECK(simple(monitor, bulkhead_GrantRequest_remove_domain_tag, 1) == -XEN_EPERM);
    CHECK(simple(memory, bulkhead_GrantRequest_remove_domain_tag, 1) == -XEN_EPERM);
    CHECK(simple(memory, bulkhead_GrantRequest_query_size_tag, 1) == -XEN_EPERM);
    CHECK(simple(builder, bulkhead_GrantRequest_set_version_tag, 1) == -XEN_EPERM);
    CHECK(received == 0);
    CHECK(service->refusals().count() == 6);
}
