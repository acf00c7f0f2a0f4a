// SPDX-License-Identifier: Apache-2.0
// Sizes and versions of grant tables, as public/grant_table.h and Xen give them.
// REQ-GRANT-001
#include <catch2/catch.hpp>

#include "grant_tables.hpp"

using namespace bulkhead;
using bulkhead::grant::GrantTables;

namespace {
struct Fixture {
    GrantTables tables;
    DomId a{1}, b{2};
    Fixture() {
        REQUIRE(tables.add_domain(a, 4, 1) == 0);
        REQUIRE(tables.add_domain(b, 64, max_grant_version) == 0);
    }
};
} // namespace

TEST_CASE_METHOD(Fixture, "domains come and go", "[grant]") {
    CHECK(tables.add_domain(a, 4, 1) == -XEN_EEXIST);
    CHECK(tables.add_domain(DomId{0}, 4, 1) == -XEN_EINVAL);
    CHECK(tables.add_domain(DomId{65}, 4, 1) == -XEN_EINVAL);
    CHECK(tables.add_domain(DomId{3}, 0, 1) == -XEN_EINVAL);
    CHECK(tables.add_domain(DomId{3}, 65, 1) == -XEN_EINVAL);
    CHECK(tables.add_domain(DomId{3}, 4, 3) == -XEN_EINVAL);
    CHECK_FALSE(tables.has(DomId{3}));
    CHECK(tables.remove_domain(DomId{3}) == -XEN_ESRCH);
    REQUIRE(tables.grow_to(a, 3) == 0);
    CHECK(tables.remove_domain(a) == 0);
    CHECK(tables.query_size(a, 1).status == GNTST_bad_domain);
    REQUIRE(tables.add_domain(a, 8, 0) == 0);
    CHECK(tables.query_size(a, 1).frames == 1);
}

TEST_CASE_METHOD(Fixture, "query_size", "[grant]") {
    const auto size = tables.query_size(a, 1);
    CHECK(size.status == GNTST_okay);
    CHECK(size.frames == 1);
    CHECK(size.max_frames == 4);
    CHECK(tables.query_size(a, 2).status == GNTST_permission_denied);
    CHECK(tables.query_size(a, 2).max_frames == 0);
    CHECK(tables.query_size(a, 3).status == GNTST_bad_domain);
    CHECK(tables.query_size(a, DOMID_SELF).status == GNTST_bad_domain); // the edge resolves it
    CHECK(tables.query_size(a, 0xffff'ffff).status == GNTST_bad_domain);
}

TEST_CASE_METHOD(Fixture, "a table grows to the frame that is mapped, up to its limit", "[grant]") {
    CHECK(tables.grow_to(a, 0) == 0);
    CHECK(tables.query_size(a, 1).frames == 1);
    CHECK(tables.grow_to(a, 3) == 0); // Linux maps the highest first
    CHECK(tables.query_size(a, 1).frames == 4);
    CHECK(tables.grow_to(a, 1) == 0);
    CHECK(tables.query_size(a, 1).frames == 4);
    CHECK(tables.grow_to(a, 4) == -XEN_EINVAL);
    CHECK(tables.grow_to(a, 0xffff'ffff) == -XEN_EINVAL);
    CHECK(tables.grow_to(DomId{3}, 0) == -XEN_ESRCH);
    CHECK(tables.query_size(b, 2).frames == 1);
}

TEST_CASE_METHOD(Fixture, "a domain has the versions that it may have", "[grant]") {
    CHECK(tables.set_version(a, 1, false).result == 0);
    CHECK(tables.set_version(a, 2, false).result == -XEN_ENOSYS);
    CHECK(tables.set_version(a, 0, false).result == -XEN_EINVAL);
    CHECK(tables.set_version(a, 3, false).result == -XEN_EINVAL);
    CHECK(tables.set_version(a, 3, false).version == 1);
    CHECK(tables.set_version(DomId{3}, 1, false).result == -XEN_ESRCH);
    CHECK(tables.get_version(a, 1).result == 0);
    CHECK(tables.get_version(a, 1).version == 1);
    CHECK(tables.get_version(a, 2).result == -XEN_EPERM);
    CHECK(tables.get_version(a, 3).result == -XEN_ESRCH);
    CHECK(tables.grow_to_status(a, 0) == -XEN_EINVAL);
    if constexpr (max_grant_version < 2) {
        CHECK(tables.add_domain(DomId{4}, 4, 2) == -XEN_EINVAL);
        CHECK(tables.set_version(b, 2, false).result == -XEN_ENOSYS);
        return;
    }
    CHECK(tables.set_version(b, 2, true).result == 0);
    CHECK(tables.set_version(b, 2, true).version == 1); // nothing has changed yet
    CHECK(tables.set_version(b, 2, false).version == 2);
    CHECK(tables.get_version(b, 2).version == 2);
    CHECK(tables.set_version(b, 3, false).version == 2);
    REQUIRE(tables.remove_domain(b) == 0);
    REQUIRE(tables.add_domain(b, 64, 0) == 0); // no wish
    CHECK(tables.get_version(b, 2).version == 1);
    CHECK(tables.set_version(b, 2, false).result == -XEN_ENOSYS);
}

TEST_CASE_METHOD(Fixture, "a frame of version 2 has half as many entries, and their status in a frame of its own",
                 "[grant]") {
    if constexpr (max_grant_version < 2) {
        return;
    }
    CHECK(tables.has_entry(b, 511));
    CHECK_FALSE(tables.has_entry(b, 512));
    REQUIRE(tables.set_version(b, 2, false).result == 0);
    CHECK(tables.has_entry(b, 255));
    CHECK_FALSE(tables.has_entry(b, 256));
    CHECK(tables.grow_to_status(b, 0) == 0);
    CHECK(tables.query_size(b, 2).frames == 1);
    CHECK(tables.grow_to_status(b, 1) == 0); // its entries begin with frame 8
    CHECK(tables.query_size(b, 2).frames == 9);
    CHECK(tables.grow_to_status(b, 7) == 0);
    CHECK(tables.query_size(b, 2).frames == 57);
    CHECK(tables.grow_to_status(b, 8) == -XEN_EINVAL);
    CHECK(tables.grow_to_status(b, ~0u) == -XEN_EINVAL);
    CHECK(tables.grow_to_status(DomId{3}, 0) == -XEN_ESRCH);
    REQUIRE(tables.set_version(b, 1, false).result == 0);
    CHECK(tables.grow_to_status(b, 0) == -XEN_EINVAL);
}
