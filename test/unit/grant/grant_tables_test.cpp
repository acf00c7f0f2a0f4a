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
        REQUIRE(tables.add_domain(b, 64, 2) == 0);
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

TEST_CASE_METHOD(Fixture, "version 1 is the only one", "[grant]") {
    CHECK(tables.set_version(a, 1).result == 0);
    CHECK(tables.set_version(a, 2).result == -XEN_ENOSYS);
    CHECK(tables.set_version(b, 2).result == -XEN_ENOSYS);
    CHECK(tables.set_version(a, 0).result == -XEN_EINVAL);
    CHECK(tables.set_version(a, 3).result == -XEN_EINVAL);
    CHECK(tables.set_version(a, 3).version == 1);
    CHECK(tables.set_version(DomId{3}, 1).result == -XEN_ESRCH);
    CHECK(tables.get_version(a, 1).result == 0);
    CHECK(tables.get_version(a, 1).version == 1);
    CHECK(tables.get_version(a, 2).result == -XEN_EPERM);
    CHECK(tables.get_version(a, 3).result == -XEN_ESRCH);
}
