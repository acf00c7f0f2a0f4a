// SPDX-License-Identifier: Apache-2.0
// unmap_and_replace and cache_flush at the edge: what the components are asked, in which order, and what the guest is
// told.
// REQ-GRANT-004 REQ-GRANT-006
#include <catch2/catch.hpp>

#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

constexpr std::uint64_t hole = 0x1000'0000;
constexpr std::uint64_t own_page = 0x124;

struct Guest : Machine {
    std::vector<std::string> steps;
    std::int32_t check_says = GNTST_okay, unmap_says = GNTST_okay;
    bool own = false;
    std::int32_t memory_says = 0, find_says = 0;

    Guest() {
        enter_long_mode();
        grant = [this](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
            const auto& r = request.request;
            if (request.which_request == bulkhead_GrantRequest_find_tag) {
                steps.push_back("find");
                CHECK(r.find.address == hole + 8);
                reply.result = find_says;
                return;
            }
            REQUIRE(request.which_request == bulkhead_GrantRequest_unmap_tag);
            REQUIRE(r.unmap.item_count == 1);
            CHECK(r.unmap.item[0].handle == 9);
            CHECK(r.unmap.item[0].bus_address == 0);
            steps.push_back(r.unmap.check ? "check" : "unmap");
            reply.outcome_count = 1;
            reply.outcome[0] = {r.unmap.check ? check_says : unmap_says, 0, false, own};
        };
        memory = [this](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            REQUIRE(request.which_request == bulkhead_MemoryRequest_move_tag);
            const auto& move = request.request.move;
            steps.push_back(move.from == move.to ? "ask" : move.from == own_page ? "move" : "move back");
            reply.result = memory_says;
            reply.moved[0] = {move.to, own_page, 1};
            reply.moved_count = 1;
        };
    }
    std::int16_t replace(std::uint64_t at, std::uint64_t with) {
        gnttab_unmap_and_replace op{};
        op.host_addr = at;
        op.new_addr = with;
        op.handle = 9;
        op.status = 77;
        store(test::scratch, op);
        CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_and_replace, test::scratch, 1) == 0);
        return load<gnttab_unmap_and_replace>(test::scratch).status;
    }
    xen::Result flush(std::uint64_t address, std::uint16_t offset, std::uint16_t length, std::uint32_t op) {
        gnttab_cache_flush f{};
        f.a.dev_bus_addr = address;
        f.offset = offset;
        f.length = length;
        f.op = op;
        store(test::scratch, f);
        return hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_cache_flush, test::scratch, 1);
    }
    using Steps = std::vector<std::string>;
    std::uint8_t* at(std::uint64_t gfn) { return d().memory.page(Gfn{gfn}); }
};

} // namespace

TEST_CASE_METHOD(Guest, "unmap_and_replace: the new page is there before the mapping is given up", "[grant]") {
    const auto answer = grant;
    grant = [&](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
        CHECK(mapped.size() == (request.request.unmap.check ? 0u : 1u));
        answer(request, reply);
    };
    CHECK(replace(hole + 5, own_page * page_size + 7) == GNTST_okay); // an address within a page names the page
    CHECK(steps == Steps{"check", "move", "unmap"});
    REQUIRE(mapped.size() == 1);
    CHECK(mapped[0].gfn == hole >> page_shift);
    CHECK(mapped[0].frame == own_page);
    CHECK(at(hole >> page_shift) == ram() + own_page * page_size);
    CHECK(at(own_page) == nullptr);
}

TEST_CASE_METHOD(Guest, "unmap_and_replace: what is refused changes nothing", "[grant]") {
    SECTION("the mapping is none, or elsewhere") {
        for (const std::int32_t status : {GNTST_bad_handle, GNTST_general_error}) {
            check_says = status;
            CHECK(replace(hole, own_page * page_size) == status);
        }
        CHECK(steps == Steps{"check", "check"});
    }
    SECTION("the page under the new address is not the guest's") {
        memory_says = -XEN_EINVAL;
        CHECK(replace(hole, own_page * page_size) == GNTST_bad_virt_addr);
        CHECK(steps == Steps{"check", "move"});
    }
    SECTION("too many pages would lie elsewhere") {
        memory_says = -XEN_ENOMEM;
        CHECK(replace(hole, own_page * page_size) == GNTST_no_space);
        CHECK(steps == Steps{"check", "move"});
    }
    SECTION("the memory component has crashed") {
        memory_says = -XEN_EIO;
        CHECK(replace(hole, own_page * page_size) == GNTST_general_error);
        CHECK(steps == Steps{"check", "move"});
    }
    SECTION("no table for the new place") {
        map_status = Status::out_of_memory;
        const auto answer = memory;
        memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            answer(request, reply);
            if (steps.back() == "move back") {
                map_status = Status::ok;
            }
        };
        CHECK(replace(hole, own_page * page_size) == GNTST_no_space);
        CHECK(steps == Steps{"check", "move", "move back"});
    }
    CHECK(at(own_page) == ram() + own_page * page_size);
    CHECK(at(hole >> page_shift) == nullptr);
    CHECK_FALSE(d().ended);
}

TEST_CASE_METHOD(Guest, "unmap_and_replace: without the one address or the other nothing is put there", "[grant]") {
    CHECK(replace(hole, 0) == GNTST_okay);
    CHECK(replace(0, own_page * page_size) == GNTST_okay);
    unmap_says = GNTST_bad_handle;
    CHECK(replace(hole, 0) == GNTST_bad_handle);
    CHECK(replace(0, own_page * page_size) == GNTST_bad_handle);
    CHECK(steps == Steps{"unmap", "unmap", "unmap", "unmap"});
    CHECK(at(own_page) != nullptr);
}

TEST_CASE_METHOD(Guest, "unmap_and_replace: a page that the guest offers itself stays when its mapping goes",
                 "[grant]") {
    own = true;
    SECTION("it is mapped anew") {
        CHECK(replace(hole, own_page * page_size) == GNTST_okay);
        CHECK(mapped.size() == 2);
        CHECK(at(hole >> page_shift) == ram() + own_page * page_size);
        CHECK_FALSE(d().ended);
    }
    SECTION("or the guest ends") {
        const auto answer = memory;
        memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            answer(request, reply);
            map_status = steps.back() == "ask" ? Status::out_of_memory : Status::ok;
        };
        (void)replace(hole, own_page * page_size);
        CHECK(d().ended);
    }
    CHECK(steps == Steps{"check", "move", "unmap", "ask"});
}

TEST_CASE_METHOD(Guest, "cache_flush: a good request, and nothing to do for it", "[grant]") {
    constexpr std::uint32_t both = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
    constexpr std::uint64_t address = own_page * page_size;
    CHECK(flush(address, 0, 4096, both) == 0);
    CHECK(flush(address, 4095, 1, GNTTAB_CACHE_CLEAN) == 0);
    CHECK(flush(~std::uint64_t{0}, 0, 0, GNTTAB_CACHE_INVAL) == 0); // of no bytes
    CHECK(flush(~std::uint64_t{0}, 0, 1, 0) == 0);                  // nothing
    CHECK(steps.empty());
    CHECK(flush(hole + 8, 0, 1, both) == 0); // another's page, as the component knows
    find_says = -XEN_ENOENT;
    CHECK(flush(hole + 8, 0, 1, both) == -XEN_EINVAL);
    find_says = -XEN_EIO;
    CHECK(flush(hole + 8, 0, 1, both) == -XEN_EIO);
    CHECK(steps.size() == 3);
    CHECK(flush(address, 4096, 0, both) == -XEN_EINVAL);
    CHECK(flush(address, 0, 4097, both) == -XEN_EINVAL);
    CHECK(flush(address, 4095, 2, both) == -XEN_EINVAL);
    CHECK(flush(address, 0xffff, 0xffff, both) == -XEN_EINVAL);
    CHECK(flush(address, 0, 1, 4) == -XEN_EINVAL);
    CHECK(flush(8, 0, 1, GNTTAB_CACHE_SOURCE_GREF | both) == -XEN_EOPNOTSUPP);
    CHECK(flush(8, 0, 1, GNTTAB_CACHE_SOURCE_GREF | 4) == -XEN_EINVAL);
    CHECK(steps.size() == 3);
}

TEST_CASE_METHOD(Guest, "cache_flush: the first element that is wrong ends the call", "[grant]") {
    const auto put = [&](std::uint32_t i, std::uint32_t op) {
        gnttab_cache_flush f{};
        f.a.dev_bus_addr = hole + 8;
        f.length = 1;
        f.op = op;
        store(test::scratch + i * sizeof f, f);
    };
    const auto call = [&](std::uint64_t count) {
        return hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_cache_flush, test::scratch, count);
    };
    for (std::uint32_t i = 0; i < 20; ++i) {
        put(i, GNTTAB_CACHE_CLEAN);
    }
    CHECK(call(0) == 0);
    CHECK(call(20) == 0);
    CHECK(steps.size() == 20);
    put(10, 4);
    CHECK(call(20) == -XEN_EINVAL);
    CHECK(steps.size() == 30);
    CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_cache_flush, test::unmapped, 1) == -XEN_EFAULT);
}
