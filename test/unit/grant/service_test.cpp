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

TEST_CASE_METHOD(Fixture, "a domain comes with four capabilities, and all go with it", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    add(1);
    CHECK(machine.used_slots(grant) == idle + 4);
    CHECK(machine.inspect(grant, offers_slot(DomId{1})).rights == Rights::map);
    CHECK(machine.inspect(grant, track_slot(DomId{1})).rights == Rights::control);
    CHECK(machine.inspect(grant, stage2_slot(DomId{1})).rights == Rights::write);
    CHECK(machine.inspect(grant, monitor_slot(DomId{1})).rights == Rights::write);
    REQUIRE(remove(1) == 0);
    CHECK(machine.used_slots(grant) == idle);
    CHECK(remove(1) == -XEN_ESRCH);
    CHECK(remove(65) == -XEN_ESRCH);
}

TEST_CASE_METHOD(Fixture, "what is not what it should be is refused, and nothing stays", "[grant]") {
    const std::uint32_t idle = machine.used_slots(grant);
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_add_domain_tag;
    request.request.add_domain = {1, 2, max_grant_version};
    CHECK(ask(builder, request) == -XEN_EINVAL);
    SECTION("in another order") {
        make_parts(1);
        const std::uint32_t sent = first_sent(1).value;
        const CapItem caps[] = {{sent + 1, Rights::all, 1, 0},
                                {sent, Rights::all, 1, 0},
                                {sent + 2, Rights::all, 1, 0},
                                {sent + 3, Rights::all, 1, 0}};
        CHECK(ask(builder, request, caps) == -XEN_EINVAL);
    }
    SECTION("no room for a single mapping") {
        make_parts(1, Mapper::first_handle_slot);
        CHECK(send_parts(1) == -XEN_EINVAL);
        CHECK_FALSE(service->tables().has(DomId{1}));
    }
    SECTION("impossible sizes") {
        make_parts(1);
        CHECK(send_parts(1, 0) == -XEN_EINVAL);
    }
    SECTION("a domain that is there") {
        add(1);
        make_parts(2);
        request.request.add_domain.domain = 1;
        const std::uint32_t sent = first_sent(2).value;
        const CapItem caps[] = {{sent, Rights::all, 1, 0},
                                {sent + 1, Rights::all, 1, 0},
                                {sent + 2, Rights::all, 1, 0},
                                {sent + 3, Rights::all, 1, 0}};
        CHECK(ask(builder, request, caps) == -XEN_EEXIST);
        CHECK(machine.used_slots(grant) == idle + 4);
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
    CHECK(machine.used_slots(grant) == idle + 4);
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
    for (const int tag : {bulkhead_GrantRequest_map_tag, bulkhead_GrantRequest_unmap_tag,
                          bulkhead_GrantRequest_open_tag, bulkhead_GrantRequest_setup_table_tag}) {
        bulkhead_GrantRequest request{};
        request.which_request = static_cast<pb_size_t>(tag);
        CHECK(ask(memory, request) == -XEN_EPERM);
        CHECK(ask(builder, request) == -XEN_EPERM);
    }
    CHECK(service->refusals().count() == 14);
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_map_tag;
    CHECK(ask(monitor(2), request) == -XEN_ESRCH); // a domain that has not come yet
}
