// SPDX-License-Identifier: Apache-2.0
// The whole component in the simulated machine: who may ask what, domains' coming and going.
// REQ-GRANT-001
#include "domains.hpp"

using namespace bulkhead;
using namespace bulkhead::grant;
using bulkhead::grant::test::World;

namespace {

struct Fixture : World {
    std::int32_t simple(sim::Component& who, pb_size_t tag, std::uint32_t value) {
        bulkhead_GrantRequest request{};
        request.which_request = tag;
        request.request.query_size.domain = value;
        return ask(who, request);
    }
};

} // namespace

TEST_CASE_METHOD(Fixture, "a domain comes with what offers its pages, and that goes with it", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    add(1);
    CHECK(machine.used_slots(grant) == idle + 1);
    CHECK(machine.inspect(grant, offers_slot(DomId{1})).rights == (Rights::map | Rights::derive));
    REQUIRE(remove(1) == 0);
    CHECK(machine.used_slots(grant) == idle);
    CHECK(remove(1) == -XEN_ESRCH);
    CHECK(remove(65) == -XEN_ESRCH);
}

TEST_CASE_METHOD(Fixture, "monitors get what maps others' offers, for as long as those are there", "[grant]") {
    constexpr Selector got{700};
    add(1);
    add(2);
    const auto peer = [&](std::uint32_t domain, std::uint32_t ref) {
        bulkhead_GrantRequest request{};
        request.which_request = bulkhead_GrantRequest_peer_tag;
        request.request.peer = {domain, ref};
        reply = {};
        std::uint32_t received = 0;
        machine.run_as(monitor(2),
                       [&] { REQUIRE(rpc(slot::grant, request, reply, {}, got, 1, &received) == Status::ok); });
        return received;
    };
    REQUIRE(peer(1, 8) == 1);
    CHECK(reply.result == 0);
    CHECK(reply.status == GNTST_okay);
    CHECK(machine.inspect(monitor(2), got).type == ObjectType::offers);
    CHECK(machine.inspect(monitor(2), got).rights == Rights::map);
    machine.run_as(monitor(2), [&] { // it cannot be passed on
        CHECK(sys::mint(slot::cap_space, Selector{701}, got, Rights::map) == Status::no_right);
        REQUIRE(sys::remove(got) == Status::ok);
    });
    REQUIRE(peer(1, 512) == 1);
    CHECK(reply.status == GNTST_bad_gntref);
    REQUIRE(remove(1) == 0);
    CHECK(machine.inspect(monitor(2), got).type == ObjectType::null);
    CHECK(peer(1, 8) == 0);
    CHECK(reply.result == -XEN_ESRCH);
    CHECK(peer(0, 8) == 0);
    CHECK(reply.result == -XEN_ESRCH);
}

TEST_CASE_METHOD(Fixture, "what is not what it should be is refused, and nothing stays", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_add_domain_tag;
    request.request.add_domain = {1, 2, max_grant_version};
    CHECK(ask(builder, request) == -XEN_EINVAL);
    SECTION("something else") {
        make_parts(1);
        const CapItem caps[] = {{table(1).value, Rights::all, 0, 0}};
        CHECK(ask(builder, request, caps) == -XEN_EINVAL);
    }
    SECTION("impossible sizes") {
        make_parts(1);
        CHECK(send_parts(1, 0) == -XEN_EINVAL);
    }
    SECTION("a domain that is there") {
        add(1);
        make_parts(2);
        request.request.add_domain.domain = 1;
        const CapItem caps[] = {{offers(2).value, Rights::all, 1, 0}};
        CHECK(ask(builder, request, caps) == -XEN_EEXIST);
        CHECK(machine.used_slots(grant) == idle + 1);
        return;
    }
    CHECK(machine.used_slots(grant) == idle);
}

TEST_CASE_METHOD(Fixture, "a domain whose memory is gone can be removed and come again", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    add(1);
    revoke(1);
    CHECK(machine.used_slots(grant) == idle);
    REQUIRE(remove(1) == 0);
    add(1);
    CHECK(machine.used_slots(grant) == idle + 1);
}

TEST_CASE_METHOD(Fixture, "the table grows to what is mapped or asked for", "[grant]") {
    add(1);
    CHECK(grow(memory, 1, 1) == 0);
    REQUIRE(simple(monitor(1), bulkhead_GrantRequest_query_size_tag, 1) == 0);
    CHECK(reply.status == GNTST_okay);
    CHECK(reply.frames == 2);
    CHECK(reply.max_frames == 2);
    CHECK(grow(memory, 1, 2) == -XEN_EINVAL);
    CHECK(grow(memory, 1, 0, true) == -XEN_EINVAL);
    CHECK(grow(memory, 2, 0) == -XEN_ESRCH);
    CHECK(grow(memory, 65, 0) == -XEN_ESRCH);
    add(2);
    REQUIRE(simple(monitor(2), bulkhead_GrantRequest_setup_table_tag, 0) == 0);
    CHECK(reply.status == GNTST_okay);
    REQUIRE(simple(monitor(2), bulkhead_GrantRequest_setup_table_tag, 3) == 0);
    CHECK(reply.status == GNTST_general_error);
    REQUIRE(simple(monitor(2), bulkhead_GrantRequest_query_size_tag, 2) == 0);
    CHECK(reply.frames == 1);
    REQUIRE(simple(monitor(2), bulkhead_GrantRequest_setup_table_tag, 2) == 0);
    CHECK(reply.status == GNTST_okay);
    REQUIRE(simple(monitor(2), bulkhead_GrantRequest_query_size_tag, 2) == 0);
    CHECK(reply.frames == 2);
}

TEST_CASE_METHOD(Fixture, "versions", "[grant]") {
    add(1);
    CHECK(simple(monitor(1), bulkhead_GrantRequest_set_version_tag, 1) == 0);
    CHECK(reply.version == 1);
    CHECK(grow(memory, 1, 0, true) == -XEN_EINVAL);
    CHECK(simple(monitor(1), bulkhead_GrantRequest_get_version_tag, 1) == 0);
    CHECK(reply.version == 1);
    CHECK(simple(monitor(1), bulkhead_GrantRequest_get_version_tag, 2) == -XEN_ESRCH);
    CHECK(simple(monitor(1), bulkhead_GrantRequest_set_version_tag, 2) == (max_grant_version < 2 ? -XEN_ENOSYS : 0));
    CHECK(reply.version == max_grant_version);
    CHECK(grow(memory, 1, 0, true) == (max_grant_version < 2 ? -XEN_EINVAL : 0));
    CHECK(grow(memory, 1, 1, true) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Fixture, "who may ask what", "[grant]") {
    add(1);
    CHECK(grow(monitor(1), 1, 0) == -XEN_EPERM);
    CHECK(grow(builder, 1, 0) == -XEN_EPERM);
    CHECK(simple(monitor(1), bulkhead_GrantRequest_remove_domain_tag, 1) == -XEN_EPERM);
    CHECK(simple(memory, bulkhead_GrantRequest_remove_domain_tag, 1) == -XEN_EPERM);
    CHECK(simple(memory, bulkhead_GrantRequest_query_size_tag, 1) == -XEN_EPERM);
    CHECK(simple(builder, bulkhead_GrantRequest_set_version_tag, 1) == -XEN_EPERM);
    for (const int tag : {bulkhead_GrantRequest_peer_tag, bulkhead_GrantRequest_setup_table_tag}) {
        bulkhead_GrantRequest request{};
        request.which_request = static_cast<pb_size_t>(tag);
        CHECK(ask(memory, request) == -XEN_EPERM);
        CHECK(ask(builder, request) == -XEN_EPERM);
    }
    CHECK(service->refusals().count() == 10);
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_peer_tag;
    request.request.peer.domain = 1;
    CHECK(ask(monitor(2), request) == -XEN_ESRCH); // a domain that has not come yet
}
