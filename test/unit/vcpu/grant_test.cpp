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
        d().grant.table = table;
        d().foreign = ForeignPages{DomId{test::own_domain}, window};
        grant = [this](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
            asked.push_back(request);
            if (!answers.empty()) {
                reply = answers.front();
                answers.pop_front();
            }
        };
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

TEST_CASE_METHOD(Guest, "map_grant_ref: each element of an array has its outcome", "[grant]") {
    for (std::uint32_t i = 0; i < 40; ++i) {
        store(test::scratch + i * sizeof(gnttab_map_grant_ref), map_request(i));
    }
    offers_map = [](const Offered& page) { return page.ref == 9 ? Status::not_mapped : Status::ok; };
    CHECK(op(GNTTABOP_map_grant_ref, test::scratch, 40) == 0);
    REQUIRE(offered.size() == 40);
    CHECK(offered[0] == Offered{3, 8, true, false, hole, ForeignPages::first_handle_slot});
    CHECK(offered[39] == Offered{3, 47, true, false, hole + 39 * page_size, ForeignPages::first_handle_slot + 38});
    CHECK(asked.empty());
    const auto result = [&](std::uint64_t i) {
        return load<gnttab_map_grant_ref>(test::scratch + i * sizeof(gnttab_map_grant_ref));
    };
    CHECK(result(0).status == GNTST_okay);
    CHECK(result(0).dev_bus_addr == hole);
    CHECK(result(1).status == GNTST_bad_page);
    CHECK(result(39).status == GNTST_okay);
    CHECK(result(39).handle == 38);
    CHECK(op(GNTTABOP_map_grant_ref, test::scratch, 0) == 0);
    CHECK(op(GNTTABOP_unmap_grant_ref, 0, 0) == 0);
    CHECK(offered.size() == 40);
    CHECK(op(GNTTABOP_map_grant_ref, test::scratch, 0x8000'0000) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "a long array is done in slices, each element once", "[grant]") {
    offers_map = [&](const Offered&) {
        tsc += 1'000; // at 1 GHz: two batches of 32 fill a slice
        return Status::ok;
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
    REQUIRE(offered.size() == 200);
    for (std::uint32_t i = 0; i < 200; ++i) {
        CHECK(offered[i].ref == 8 + i);
    }
    CHECK(load<gnttab_map_grant_ref>(test::scratch + 199 * sizeof(gnttab_map_grant_ref)).status == GNTST_okay);
}

TEST_CASE_METHOD(Guest, "an element that cannot be read or answered is not done, those before it are", "[grant]") {
    const std::uint64_t last = test::read_only_page - 2 * sizeof(gnttab_map_grant_ref);
    store(last, map_request(0));
    store(last + sizeof(gnttab_map_grant_ref), map_request(1));
    store(test::read_only_page, map_request(2));
    CHECK(op(GNTTABOP_map_grant_ref, last, 3) == -XEN_EFAULT);
    CHECK(offered.size() == 2);
    CHECK(load<gnttab_map_grant_ref>(last).status == GNTST_okay);
    CHECK(load<gnttab_map_grant_ref>(last + sizeof(gnttab_map_grant_ref)).handle == 1);
    CHECK(load<gnttab_map_grant_ref>(test::read_only_page).status == 77);
    for (const int operation : {GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref, GNTTABOP_copy,
                                GNTTABOP_swap_grant_ref, GNTTABOP_unmap_and_replace, GNTTABOP_cache_flush}) {
        const auto number = static_cast<std::uint64_t>(operation);
        CHECK(op(number, test::unmapped, 0x7fff'ffff) == -XEN_EFAULT);
        CHECK(op(number, ~std::uint64_t{0} - 8, 1) == -XEN_EFAULT);
    }
    CHECK(offered.size() == 2);
    for (const auto& request : asked) {
        CHECK(request.which_request == bulkhead_GrantRequest_query_size_tag);
    }
}

TEST_CASE_METHOD(Guest, "whose pages they are is asked once, or when the answer may be another one", "[grant]") {
    bool has = false;
    Status then = Status::ok;
    offers_map = [&](const Offered&) { return has ? then : Status::bad_selector; };
    const auto answer_to_peer = grant;
    std::int32_t says = 0, entry = GNTST_okay;
    grant = [&](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
        REQUIRE(request.which_request == bulkhead_GrantRequest_peer_tag);
        CHECK(receive_selector == slot::offers_of_others.value + 3);
        answer_to_peer(request, reply);
        has = says == 0;
        reply.result = says;
        reply.status = entry;
    };
    const auto status = [&] {
        auto request = map_request(0);
        CHECK(one(GNTTABOP_map_grant_ref, request) == 0);
        return request.status;
    };
    says = -XEN_ESRCH;
    CHECK(status() == GNTST_bad_domain);
    says = 0;
    CHECK(status() == GNTST_okay);
    CHECK(asked.size() == 2);
    CHECK(asked[1].request.peer.domain == 3);
    CHECK(asked[1].request.peer.ref == 8);
    CHECK(status() == GNTST_okay);
    CHECK(asked.size() == 2);
    then = Status::no_right; // not offered; or past the end of the table, as the component knows
    CHECK(status() == GNTST_general_error);
    entry = GNTST_bad_gntref;
    CHECK(status() == GNTST_bad_gntref);
    CHECK(asked.size() == 4);
    then = Status::busy; // its owner writes it all the time
    const std::size_t before = offered.size();
    CHECK(status() == GNTST_general_error);
    CHECK(offered.size() == before + 5);
    CHECK(asked.size() == 4);
    then = Status::aborted;
    call_status = Status::aborted; // the component has crashed
    CHECK(status() == GNTST_general_error);
    auto nobody = map_request(0);
    for (const domid_t domain : {domid_t{0}, domid_t{65}, domid_t{DOMID_SELF}}) {
        nobody.dom = domain;
        CHECK(one(GNTTABOP_map_grant_ref, nobody) == 0);
        CHECK(nobody.status == GNTST_bad_domain);
    }
}

TEST_CASE_METHOD(Guest, "a mapping over something else: that is given up first", "[grant]") {
    std::uint32_t room_made = 0;
    std::int32_t memory_says = 0;
    memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        REQUIRE(request.which_request == bulkhead_MemoryRequest_remove_from_physmap_tag);
        CHECK(request.request.remove_from_physmap.gfn == 0x123);
        ++room_made;
        reply.result = memory_says;
    };
    auto request = map_request(0);
    request.host_addr = 0x123 << page_shift;
    offers_map = [&](const Offered&) { return room_made == 0 ? Status::already_mapped : Status::ok; };
    SECTION("done") {
        CHECK(one(GNTTABOP_map_grant_ref, request) == 0);
        CHECK(request.status == GNTST_okay);
        CHECK(offered.size() == 2);
        CHECK(d().memory.page(Gfn{0x123}) == nullptr); // not what the guest had there
    }
    SECTION("refused") {
        memory_says = -XEN_ENOENT;
        CHECK(one(GNTTABOP_map_grant_ref, request) == 0);
        CHECK(request.status == GNTST_general_error);
        CHECK(offered.size() == 1);
        CHECK(d().memory.page(Gfn{0x123}) != nullptr);
    }
    CHECK(room_made == 1);
}

TEST_CASE_METHOD(Guest, "unmap_grant_ref", "[grant]") {
    auto request = map_request(0);
    REQUIRE(one(GNTTABOP_map_grant_ref, request) == 0);
    REQUIRE(request.status == GNTST_okay);
    gnttab_unmap_grant_ref unmap{hole, hole, request.handle + 1, 77};
    CHECK(one(GNTTABOP_unmap_grant_ref, unmap) == 0);
    CHECK(unmap.status == GNTST_bad_handle);
    unmap = {hole + page_size, 0, request.handle, 77};
    CHECK(one(GNTTABOP_unmap_grant_ref, unmap) == 0);
    CHECK(unmap.status == GNTST_general_error);
    CHECK(given_up.empty());
    call_status = Status::aborted; // the component has crashed: nobody needs it
    unmap = {hole, hole, request.handle, 77};
    CHECK(one(GNTTABOP_unmap_grant_ref, unmap) == 0);
    CHECK(unmap.status == GNTST_okay);
    CHECK(given_up == std::vector<std::uint32_t>{ForeignPages::first_handle_slot});
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
        REQUIRE(offered.size() == 1);
        CHECK(offered[0] == Offered{3, 8, false, true, layout::grant_window.value, ForeignPages::first_window_slot});
        CHECK(given_up == std::vector<std::uint32_t>{ForeignPages::first_window_slot});
    }
    SECTION("to a page of another, from one of a third") {
        CHECK(copy(ref_end(3, 8, 0), ref_end(4, 9, 100), 4, from_ref | to_ref) == GNTST_okay);
        CHECK(window[page_size + 99] == 0);
        CHECK(window[page_size + 100] == 0x5a);
        CHECK(window[page_size + 104] == 0);
        REQUIRE(offered.size() == 2);
        CHECK(offered[1] ==
              Offered{4, 9, true, true, layout::grant_window.value + page_size, ForeignPages::first_window_slot + 1});
        CHECK(given_up.size() == 2);
    }
    SECTION("between its own") {
        CHECK(copy(own_end(0x123, 8), own_end(0x124, 0), 8, 0) == GNTST_okay);
        CHECK(load<std::uint64_t>(0x124000) == 0x1122'3344'5566'7788);
        CHECK(offered.empty());
    }
    SECTION("a reference of its own") {
        CHECK(copy(ref_end(DOMID_SELF, 8, 0), own_end(0x124, 0), 8, from_ref) == GNTST_okay);
        CHECK(offered[0].owner == test::own_domain);
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
        offers_map = [](const Offered& page) {
            return page.ref == 8 ? Status::ok : page.ref == 9 ? Status::not_mapped : Status::out_of_memory;
        };
        CHECK(copy(ref_end(3, 10, 0), own_end(0x124, 0), 8, from_ref) == GNTST_general_error);
        CHECK(copy(ref_end(3, 8, 0), ref_end(4, 9, 0), 8, from_ref | to_ref) == GNTST_bad_page);
        CHECK(copy(ref_end(3, 8, 1), own_end(0x124, 0), 4096, from_ref) == GNTST_bad_copy_arg);
        CHECK(given_up.size() == 2);
    }
    SECTION("many at once: the pieces of a page that come one after the other lay it open once") {
        for (std::uint32_t i = 0; i < 50; ++i) {
            gnttab_copy op{};
            op.source = ref_end(3, i < 10 ? 8 : i, 0);
            op.dest = own_end(0x140 + i, 0);
            op.len = 1;
            op.flags = from_ref;
            store(test::scratch + i * sizeof op, op);
        }
        CHECK(op(GNTTABOP_copy, test::scratch, 50) == 0);
        CHECK(offered.size() == 41);
        CHECK(given_up.size() == 41);
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
