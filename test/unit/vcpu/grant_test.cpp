// SPDX-License-Identifier: Apache-2.0
// grant_table_op at the edge: arrays in the guest's memory, batches, what the component is asked and what the guest is
// told, and the copies that the monitor makes itself.
// REQ-GRANT-004 REQ-CONTINUE-001
#include <catch2/catch.hpp>

#include <deque>

#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

constexpr std::uint64_t hole = 0x1000'0000;
constexpr std::uint64_t list = test::scratch + 0x100;

struct Guest : Machine {
    std::vector<bulkhead_GrantRequest> asked;
    std::deque<bulkhead_GrantReply> answers; ///< to requests, in order; then good ones
    alignas(4096) std::uint8_t table[2 * page_size]{};
    alignas(4096) std::uint8_t window[layout::grant_window_pages * page_size]{};

    Guest() {
        enter_long_mode();
        d().grant = {table, window};
        grant = [this](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
            asked.push_back(request);
            if (!answers.empty()) {
                reply = answers.front();
                answers.pop_front();
                return;
            }
            const auto& r = request.request;
            reply.outcome_count = request.which_request == bulkhead_GrantRequest_map_tag     ? r.map.item_count
                                  : request.which_request == bulkhead_GrantRequest_unmap_tag ? r.unmap.item_count
                                  : request.which_request == bulkhead_GrantRequest_open_tag  ? r.open.item_count
                                                                                             : 0;
            for (pb_size_t i = 0; i < reply.outcome_count; ++i) {
                reply.outcome[i].handle = static_cast<std::uint32_t>(100 + i);
            }
        };
    }
    void answer(std::initializer_list<std::int32_t> statuses) {
        bulkhead_GrantReply reply{};
        for (const std::int32_t status : statuses) {
            reply.outcome[reply.outcome_count++].status = status;
        }
        answers.push_back(reply);
    }
    xen::Result op(std::uint64_t operation, std::uint64_t array, std::uint64_t count) {
        return hypercall(__HYPERVISOR_grant_table_op, operation, array, count);
    }
    template <typename T> xen::Result one(std::uint64_t operation, T& argument) {
        store(test::scratch, argument);
        const xen::Result result = op(operation, test::scratch, 1);
        argument = load<T>(test::scratch);
        return result;
    }
};

gnttab_map_grant_ref map_request(std::uint32_t i) {
    gnttab_map_grant_ref op{};
    op.host_addr = hole + i * page_size + 5;
    op.flags = GNTMAP_host_map;
    op.ref = 8 + i;
    op.dom = 3;
    op.status = 77;
    return op;
}

} // namespace

TEST_CASE_METHOD(Guest, "map_grant_ref: an array becomes messages, and each element has its outcome", "[grant]") {
    for (std::uint32_t i = 0; i < 40; ++i) {
        store(test::scratch + i * sizeof(gnttab_map_grant_ref), map_request(i));
    }
    answer({GNTST_okay, GNTST_bad_gntref});
    CHECK(op(GNTTABOP_map_grant_ref, test::scratch, 40) == 0);
    REQUIRE(asked.size() == 2);
    REQUIRE(asked[0].request.map.item_count == 32);
    REQUIRE(asked[1].request.map.item_count == 8);
    CHECK(asked[1].request.map.item[7].ref == 47);
    CHECK(asked[1].request.map.item[7].domain == 3);
    CHECK(asked[1].request.map.item[7].flags == GNTMAP_host_map);
    CHECK(asked[1].request.map.item[7].address == hole + 39 * page_size + 5);
    const auto result = [&](std::uint64_t i) {
        return load<gnttab_map_grant_ref>(test::scratch + i * sizeof(gnttab_map_grant_ref));
    };
    CHECK(result(0).status == GNTST_okay);
    CHECK(result(0).dev_bus_addr == hole);
    CHECK(result(1).status == GNTST_bad_gntref);
    CHECK(result(2).status == GNTST_general_error); // the component has said nothing of it
    CHECK(result(39).status == GNTST_okay);
    CHECK(result(39).handle == 107);
    CHECK(op(GNTTABOP_map_grant_ref, test::scratch, 0) == 0);
    CHECK(op(GNTTABOP_unmap_grant_ref, 0, 0) == 0);
    CHECK(asked.size() == 2);
    CHECK(op(GNTTABOP_map_grant_ref, test::scratch, 0x8000'0000) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "a long array is done in slices, each element once", "[grant]") {
    const auto answer_good = grant;
    grant = [&](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
        tsc += 30'000; // at 1 GHz: two messages fill a slice
        answer_good(request, reply);
    };
    for (std::uint32_t i = 0; i < 200; ++i) {
        store(test::scratch + i * sizeof(gnttab_map_grant_ref), map_request(i));
    }
    const std::uint64_t rip = state().rip;
    std::uint32_t slices = 0;
    while (state().rip == rip) {
        REQUIRE(++slices < 20);
        (void)op(GNTTABOP_map_grant_ref, test::scratch, 200);
    }
    CHECK(gpr(Gpr::rax) == 0);
    CHECK(slices == 4);
    REQUIRE(asked.size() == 7);
    std::uint32_t ref = 8;
    for (const auto& request : asked) {
        for (pb_size_t i = 0; i < request.request.map.item_count; ++i) {
            CHECK(request.request.map.item[i].ref == ref++);
        }
    }
    CHECK(ref == 208);
    CHECK(load<gnttab_map_grant_ref>(test::scratch + 199 * sizeof(gnttab_map_grant_ref)).status == GNTST_okay);
}

TEST_CASE_METHOD(Guest, "an element that cannot be read or answered is not done, those before it are", "[grant]") {
    const std::uint64_t last = test::read_only_page - 2 * sizeof(gnttab_map_grant_ref);
    store(last, map_request(0));
    store(last + sizeof(gnttab_map_grant_ref), map_request(1));
    store(test::read_only_page, map_request(2));
    CHECK(op(GNTTABOP_map_grant_ref, last, 3) == -XEN_EFAULT);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].request.map.item_count == 2);
    CHECK(load<gnttab_map_grant_ref>(last).status == GNTST_okay);
    CHECK(load<gnttab_map_grant_ref>(last + sizeof(gnttab_map_grant_ref)).handle == 101);
    CHECK(load<gnttab_map_grant_ref>(test::read_only_page).status == 77);
    for (const int operation : {GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref, GNTTABOP_copy,
                                GNTTABOP_swap_grant_ref, GNTTABOP_unmap_and_replace, GNTTABOP_cache_flush}) {
        const auto number = static_cast<std::uint64_t>(operation);
        CHECK(op(number, test::unmapped, 0x7fff'ffff) == -XEN_EFAULT);
        CHECK(op(number, ~std::uint64_t{0} - 8, 1) == -XEN_EFAULT);
    }
    for (const auto& request : asked) {
        CHECK((&request == &asked[0] || request.request.map.item_count == 0 ||
               request.which_request == bulkhead_GrantRequest_query_size_tag));
    }
}

TEST_CASE_METHOD(Guest, "a mapping over something else: that is given up first", "[grant]") {
    std::uint32_t given_up = 0;
    std::int32_t memory_says = 0;
    memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        REQUIRE(request.which_request == bulkhead_MemoryRequest_remove_from_physmap_tag);
        CHECK(request.request.remove_from_physmap.gfn == 0x123);
        ++given_up;
        reply.result = memory_says;
    };
    auto request = map_request(0);
    request.host_addr = 0x123 << page_shift;
    answers.push_back({});
    answers.back().outcome_count = 1;
    answers.back().outcome[0] = {GNTST_general_error, 0, true, false};
    SECTION("done") {
        CHECK(one(GNTTABOP_map_grant_ref, request) == 0);
        CHECK(request.status == GNTST_okay);
        CHECK(asked.size() == 2);
        CHECK(d().memory.page(Gfn{0x123}) == nullptr); // not what the guest had there
    }
    SECTION("refused") {
        memory_says = -XEN_ENOENT;
        CHECK(one(GNTTABOP_map_grant_ref, request) == 0);
        CHECK(request.status == GNTST_general_error);
        CHECK(asked.size() == 1);
        CHECK(d().memory.page(Gfn{0x123}) != nullptr);
    }
    CHECK(given_up == 1);
}

TEST_CASE_METHOD(Guest, "unmap_grant_ref", "[grant]") {
    gnttab_unmap_grant_ref unmap{hole, hole, 9, 77};
    answer({GNTST_bad_handle});
    CHECK(one(GNTTABOP_unmap_grant_ref, unmap) == 0);
    CHECK(unmap.status == GNTST_bad_handle);
    CHECK(asked.back().request.unmap.item[0].handle == 9);
    CHECK(asked.back().request.unmap.item[0].address == hole);
    CHECK(asked.back().request.unmap.item[0].bus_address == hole);
    call_status = Status::aborted; // the component has crashed
    CHECK(one(GNTTABOP_unmap_grant_ref, unmap) == 0);
    CHECK(unmap.status == GNTST_general_error);
}

TEST_CASE_METHOD(Guest, "copy: between the guest's pages and what others offer", "[grant]") {
    const auto ref_end = [](domid_t domain, std::uint32_t ref, std::uint16_t offset) {
        gnttab_copy::gnttab_copy_ptr end{};
        end.u.ref = ref;
        end.domid = domain;
        end.offset = offset;
        return end;
    };
    const auto own_end = [](std::uint64_t gfn, std::uint16_t offset) {
        gnttab_copy::gnttab_copy_ptr end{};
        end.u.gmfn = gfn;
        end.domid = DOMID_SELF;
        end.offset = offset;
        return end;
    };
    const auto copy = [&](auto from, auto to, std::uint16_t length, std::uint16_t flags) {
        gnttab_copy op{};
        op.source = from;
        op.dest = to;
        op.len = length;
        op.flags = flags;
        CHECK(one(GNTTABOP_copy, op) == 0);
        return op.status;
    };
    constexpr std::uint16_t from_ref = GNTCOPY_source_gref, to_ref = GNTCOPY_dest_gref;
    __builtin_memset(window, 0x5a, page_size);
    store(0x123000 + 8, std::uint64_t{0x1122'3344'5566'7788});

    SECTION("from a page of another") {
        CHECK(copy(ref_end(3, 8, 0), own_end(0x124, 16), 8, from_ref) == GNTST_okay);
        CHECK(load<std::uint64_t>(0x124010) == 0x5a5a'5a5a'5a5a'5a5a);
        CHECK(load<std::uint64_t>(0x124018) == 0);
        REQUIRE(asked.size() == 2);
        CHECK(asked[0].request.open.item_count == 1);
        CHECK(asked[0].request.open.item[0].domain == 3);
        CHECK(asked[0].request.open.item[0].ref == 8);
        CHECK_FALSE(asked[0].request.open.item[0].write);
        CHECK(asked[1].request.open.item_count == 0); // and closed again
    }
    SECTION("to a page of another, from one of a third") {
        CHECK(copy(ref_end(3, 8, 0), ref_end(4, 9, 100), 4, from_ref | to_ref) == GNTST_okay);
        CHECK(window[page_size + 99] == 0);
        CHECK(window[page_size + 100] == 0x5a);
        CHECK(window[page_size + 104] == 0);
        CHECK(asked[0].request.open.item[1].write);
    }
    SECTION("between its own") {
        CHECK(copy(own_end(0x123, 8), own_end(0x124, 0), 8, 0) == GNTST_okay);
        CHECK(load<std::uint64_t>(0x124000) == 0x1122'3344'5566'7788);
        CHECK(asked.empty());
    }
    SECTION("a reference of its own") {
        CHECK(copy(ref_end(DOMID_SELF, 8, 0), own_end(0x124, 0), 8, from_ref) == GNTST_okay);
        CHECK(asked[0].request.open.item[0].domain == test::own_domain);
    }
    SECTION("what is refused") {
        CHECK(copy(own_end(0x123, 0), own_end(0x124, 0), 4096, 0) == GNTST_okay);
        CHECK(copy(own_end(0x123, 1), own_end(0x124, 0), 4096, 0) == GNTST_bad_copy_arg);
        CHECK(copy(own_end(0x123, 0), own_end(0x124, 4090), 8, 0) == GNTST_bad_copy_arg);
        CHECK(copy(own_end(0x123, 0), own_end(0x124, 0xffff), 0xffff, 0) == GNTST_bad_copy_arg);
        CHECK(copy(own_end(0x10'0000, 0), own_end(0x124, 0), 8, 0) == GNTST_bad_page);
        CHECK(copy(own_end(0x124, 0), own_end(~std::uint64_t{0}, 0), 8, 0) == GNTST_bad_page);
        auto others = own_end(0x123, 0);
        others.domid = 3;
        CHECK(copy(others, own_end(0x124, 0), 8, 0) == GNTST_permission_denied);
        CHECK(copy(own_end(0x124, 0), others, 8, 0) == GNTST_permission_denied);
        CHECK(copy(ref_end(DOMID_IO, 8, 0), own_end(0x124, 0), 8, from_ref) == GNTST_bad_domain);
        answer({GNTST_general_error});
        CHECK(copy(ref_end(3, 8, 0), own_end(0x124, 0), 8, from_ref) == GNTST_general_error);
        answer({GNTST_okay, GNTST_bad_gntref});
        CHECK(copy(ref_end(3, 8, 0), ref_end(4, 8, 0), 8, from_ref | to_ref) == GNTST_bad_gntref);
        call_status = Status::aborted;
        CHECK(copy(ref_end(3, 8, 0), own_end(0x124, 0), 8, from_ref) == GNTST_general_error);
    }
    SECTION("many at once: each page is laid open once, and no more than the window holds") {
        for (std::uint32_t i = 0; i < 50; ++i) {
            gnttab_copy op{};
            op.source = ref_end(3, i < 10 ? 8 : i, 0);
            op.dest = own_end(0x140 + i, 0);
            op.len = 1;
            op.flags = from_ref;
            store(test::scratch + i * sizeof op, op);
        }
        CHECK(op(GNTTABOP_copy, test::scratch, 50) == 0);
        REQUIRE(asked.size() == 4);
        CHECK(asked[0].request.open.item_count == 23);
        CHECK(asked[2].request.open.item_count == 18);
        CHECK(load<std::uint8_t>(0x140000 + 9 * page_size) == 0x5a);
        CHECK(load<gnttab_copy>(test::scratch + 49 * sizeof(gnttab_copy)).status == GNTST_okay);
    }
}

TEST_CASE_METHOD(Guest, "setup_table tells where the frames are", "[grant]") {
    memory = [](const bulkhead_MemoryRequest&, bulkhead_MemoryReply&) {};
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_grant_table;
    add.gpfn = 0x150;
    REQUIRE(operation(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add) == 0);
    CHECK(d().memory.page(Gfn{0x150}) == table);
    add.gpfn = 0x151; // it moves
    REQUIRE(operation(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add) == 0);
    CHECK(d().memory.page(Gfn{0x150}) != table);

    gnttab_setup_table setup{};
    const auto set_up = [&](domid_t domain, std::uint32_t frames, std::uint64_t to = list) {
        setup = {};
        setup.dom = domain;
        setup.nr_frames = frames;
        setup.frame_list.p = reinterpret_cast<xen_pfn_t*>(to);
        CHECK(one(GNTTABOP_setup_table, setup) == 0);
        return setup.status;
    };
    CHECK(set_up(DOMID_SELF, 2) == GNTST_okay);
    CHECK(asked.back().request.setup_table.frames == 2);
    CHECK(load<std::uint64_t>(list) == 0x151);
    CHECK(load<std::uint64_t>(list + 8) == ~std::uint64_t{0}); // nowhere
    CHECK(set_up(DOMID_SELF, 0) == GNTST_okay);
    CHECK(set_up(3, 1) == GNTST_permission_denied);
    CHECK(set_up(DOMID_IO, 1) == GNTST_bad_domain);
    CHECK(set_up(DOMID_SELF, 1, test::unmapped) == GNTST_bad_virt_addr);
    const std::size_t before = asked.size();
    CHECK(set_up(DOMID_SELF, 65) == GNTST_general_error);
    CHECK(set_up(DOMID_SELF, 0xffff'ffff) == GNTST_general_error);
    CHECK(asked.size() == before);
    answers.push_back({});
    answers.back().status = GNTST_general_error;
    CHECK(set_up(DOMID_SELF, 64) == GNTST_general_error);
    CHECK(op(GNTTABOP_setup_table, test::scratch, 2) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "swap_grant_ref changes the table, but no entry that is in use", "[grant]") {
    const auto entry = [&](std::uint32_t ref) { return reinterpret_cast<std::uint64_t*>(table) + ref; };
    *entry(8) = 0x1111;
    *entry(9) = 0x2222'0001;
    *entry(10) = 0x3333'0001 | GTF_reading;
    const auto swap = [&](std::uint32_t a, std::uint32_t b) {
        answers.push_back({});
        answers.back().frames = 1;
        gnttab_swap_grant_ref op{a, b, 77};
        CHECK(one(GNTTABOP_swap_grant_ref, op) == 0);
        return op.status;
    };
    CHECK(swap(8, 9) == GNTST_eagain); // bit 4 of what is in entry 8: written to
    *entry(8) = 0x1101;
    CHECK(swap(8, 9) == GNTST_okay);
    CHECK(*entry(8) == 0x2222'0001);
    CHECK(*entry(9) == 0x1101);
    CHECK(swap(8, 10) == GNTST_eagain);
    CHECK(swap(10, 8) == GNTST_eagain);
    CHECK(swap(10, 10) == GNTST_okay);
    CHECK(*entry(8) == 0x2222'0001);
    CHECK(*entry(10) == (0x3333'0001 | GTF_reading));
    CHECK(swap(512, 8) == GNTST_bad_gntref);
    CHECK(swap(8, 0xffff'ffff) == GNTST_bad_gntref);
}

TEST_CASE_METHOD(Guest, "what a domain without machine addresses has no use for is unknown here", "[grant]") {
    for (const int operation : {GNTTABOP_transfer, GNTTABOP_get_status_frames, GNTTABOP_dump_table}) {
        CHECK(op(static_cast<std::uint64_t>(operation), test::scratch, 1) == -XEN_ENOSYS);
    }
    CHECK(asked.empty());
}
