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
    std::int32_t memory_says = 0;
    std::uint32_t handle = 9;               ///< of no mapping
    std::uint32_t mapped_when_given_up = 0; ///< 1: the mapping was still there when the page moved

    Guest() {
        enter_long_mode();
        d().foreign = ForeignPages{DomId{test::own_domain}, nullptr};
        memory = [this](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            REQUIRE(request.which_request == bulkhead_MemoryRequest_move_tag);
            const auto& move = request.request.move;
            steps.push_back(move.from == move.to ? "ask" : move.from == own_page ? "move" : "move back");
            reply.result = memory_says;
            mapped_when_given_up = given_up.empty() ? 1 : 0;
            reply.moved[0] = {move.to, own_page, 1};
            reply.moved_count = 1;
        };
    }
    /// The page in the hole, of domain 3 or its own.
    void map_foreign(std::uint32_t owner = 3) {
        gnttab_map_grant_ref op{};
        op.host_addr = hole;
        op.flags = GNTMAP_host_map;
        op.dom = static_cast<domid_t>(owner);
        store(test::scratch, op);
        CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, test::scratch, 1) == 0);
        op = load<gnttab_map_grant_ref>(test::scratch);
        REQUIRE(op.status == GNTST_okay);
        handle = op.handle;
    }
    std::int16_t replace(std::uint64_t at, std::uint64_t with) {
        gnttab_unmap_and_replace op{};
        op.host_addr = at;
        op.new_addr = with;
        op.handle = handle;
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
    map_foreign();
    CHECK(replace(hole + 5, own_page * page_size + 7) == GNTST_okay); // an address within a page names the page
    CHECK(steps == Steps{"move"});
    CHECK(given_up == std::vector<std::uint32_t>{ForeignPages::first_handle_slot});
    CHECK(mapped_when_given_up == 1);
    REQUIRE(mapped.size() == 1);
    CHECK(mapped[0].gfn == hole >> page_shift);
    CHECK(mapped[0].frame == own_page);
    CHECK(at(hole >> page_shift) == ram() + own_page * page_size);
    CHECK(at(own_page) == nullptr);
}

TEST_CASE_METHOD(Guest, "unmap_and_replace: what is refused changes nothing", "[grant]") {
    SECTION("the mapping is none") {
        CHECK(replace(hole, own_page * page_size) == GNTST_bad_handle);
        CHECK(steps.empty());
    }
    map_foreign();
    SECTION("or elsewhere") {
        CHECK(replace(hole + page_size, own_page * page_size) == GNTST_general_error);
        CHECK(steps.empty());
    }
    SECTION("the page under the new address is not the guest's") {
        memory_says = -XEN_EINVAL;
        CHECK(replace(hole, own_page * page_size) == GNTST_bad_virt_addr);
        CHECK(steps == Steps{"move"});
    }
    SECTION("too many pages would lie elsewhere") {
        memory_says = -XEN_ENOMEM;
        CHECK(replace(hole, own_page * page_size) == GNTST_no_space);
        CHECK(steps == Steps{"move"});
    }
    SECTION("the memory component has crashed") {
        memory_says = -XEN_EIO;
        CHECK(replace(hole, own_page * page_size) == GNTST_general_error);
        CHECK(steps == Steps{"move"});
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
        CHECK(steps == Steps{"move", "move back"});
    }
    CHECK(at(own_page) == ram() + own_page * page_size);
    CHECK(at(hole >> page_shift) == nullptr);
    CHECK(given_up.empty());
    CHECK_FALSE(d().ended);
}

TEST_CASE_METHOD(Guest, "unmap_and_replace: without the one address or the other nothing is put there", "[grant]") {
    map_foreign();
    CHECK(replace(0, own_page * page_size) == GNTST_okay);
    CHECK(given_up.empty());
    CHECK(replace(hole, 0) == GNTST_okay);
    CHECK(given_up.size() == 1);
    CHECK(replace(hole, 0) == GNTST_bad_handle);
    CHECK(replace(0, own_page * page_size) == GNTST_bad_handle);
    CHECK(steps.empty());
    CHECK(at(own_page) != nullptr);
}

TEST_CASE_METHOD(Guest, "unmap_and_replace: a page that the guest offers itself stays when its mapping goes",
                 "[grant]") {
    map_foreign(test::own_domain);
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
    CHECK(steps == Steps{"move", "ask"});
}

TEST_CASE_METHOD(Guest, "cache_flush: a good request, and nothing to do for it", "[grant]") {
    constexpr std::uint32_t both = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
    constexpr std::uint64_t address = own_page * page_size;
    CHECK(flush(address, 0, 4096, both) == 0);
    CHECK(flush(address, 4095, 1, GNTTAB_CACHE_CLEAN) == 0);
    CHECK(flush(~std::uint64_t{0}, 0, 0, GNTTAB_CACHE_INVAL) == 0); // of no bytes
    CHECK(flush(~std::uint64_t{0}, 0, 1, 0) == 0);                  // nothing
    CHECK(flush(hole + 8, 0, 1, both) == -XEN_EINVAL);
    map_foreign();
    CHECK(flush(hole + 8, 0, 1, both) == 0); // another's page
    CHECK(flush(hole + page_size, 0, 1, both) == -XEN_EINVAL);
    CHECK(flush(address, 4096, 0, both) == -XEN_EINVAL);
    CHECK(flush(address, 0, 4097, both) == -XEN_EINVAL);
    CHECK(flush(address, 4095, 2, both) == -XEN_EINVAL);
    CHECK(flush(address, 0xffff, 0xffff, both) == -XEN_EINVAL);
    CHECK(flush(address, 0, 1, 4) == -XEN_EINVAL);
    CHECK(flush(8, 0, 1, GNTTAB_CACHE_SOURCE_GREF | both) == -XEN_EOPNOTSUPP);
    CHECK(flush(8, 0, 1, GNTTAB_CACHE_SOURCE_GREF | 4) == -XEN_EINVAL);
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
    map_foreign();
    for (std::uint32_t i = 0; i < 20; ++i) {
        put(i, GNTTAB_CACHE_CLEAN);
    }
    CHECK(call(0) == 0);
    CHECK(call(20) == 0);
    put(10, 4);
    CHECK(call(20) == -XEN_EINVAL);
    CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_cache_flush, test::unmapped, 1) == -XEN_EFAULT);
}
