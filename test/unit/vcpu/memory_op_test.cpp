// SPDX-License-Identifier: Apache-2.0
// memory_op: what the guest is told, what services/memory is asked, and what the monitor does to the guest's RAM.
// REQ-MEMORY-003 REQ-MEMORY-004
#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

constexpr std::uint64_t list = test::scratch + 0x1000;

/// A guest whose memory component grants everything, in the first place from where it began.
struct Guest : Machine {
    using Request = bulkhead_MemoryRequest;
    std::vector<Request> asked;
    std::function<void(const Request&, bulkhead_MemoryReply&)> answer;

    Guest() {
        enter_long_mode();
        answer = [](const Request& request, bulkhead_MemoryReply& reply) {
            const auto& r = request.request;
            switch (request.which_request) {
            case bulkhead_MemoryRequest_decrease_reservation_tag:
                reply.value = r.decrease_reservation.gfn_count;
                break;
            case bulkhead_MemoryRequest_populate_tag:
                reply.value = r.populate.gfn_count;
                break;
            case bulkhead_MemoryRequest_increase_reservation_tag:
                reply.value = r.increase_reservation.extents;
                break;
            default:
                break;
            }
        };
        memory = [this](const Request& request, bulkhead_MemoryReply& reply) {
            asked.push_back(request);
            answer(request, reply);
        };
    }
    template <typename T> xen::Result memory_op(std::uint64_t op, const T& argument) {
        return operation(__HYPERVISOR_memory_op, op, argument);
    }
    xen::Result change(std::uint64_t op, const std::vector<std::uint64_t>& gfns, unsigned order = 0,
                       unsigned flags = 0) {
        for (std::size_t i = 0; i < gfns.size(); ++i) {
            store(list + i * 8, gfns[i]);
        }
        xen_memory_reservation r{};
        r.extent_start.p = reinterpret_cast<xen_pfn_t*>(list);
        r.nr_extents = gfns.size();
        r.extent_order = order;
        r.mem_flags = flags;
        r.domid = DOMID_SELF;
        return memory_op(op, r);
    }
    std::uint8_t* at(std::uint64_t gfn) { return d().memory.page(Gfn{gfn}); }
    std::uint8_t* home(std::uint64_t gfn) { return ram() + gfn * page_size; }
    bool zero(std::uint64_t gfn) {
        return std::all_of(home(gfn), home(gfn) + page_size, [](std::uint8_t byte) { return byte == 0; });
    }
    void fill(std::uint64_t gfn, std::uint64_t pages = 1) { std::fill_n(home(gfn), pages * page_size, 0xa5); }
};

} // namespace

TEST_CASE("a page given back is a hole, and comes back zeroed") {
    Guest m;
    m.fill(0x50, 3);
    REQUIRE(m.change(XENMEM_decrease_reservation, {0x50, 0x51}) == 2);
    CHECK(m.at(0x50) == nullptr);
    CHECK(m.at(0x52) == m.home(0x52));
    std::uint64_t word = 0;
    CHECK_FALSE(m.d().memory.read(GuestPhys{0x50000}, &word, 8));
    // The guest's own hypercalls cannot reach it either.
    CHECK(m.hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, 0x50000) == -XEN_EFAULT);

    REQUIRE(m.change(XENMEM_populate_physmap, {0x51}) == 1);
    CHECK(m.at(0x51) == m.home(0x51));
    CHECK(m.zero(0x51));
    CHECK_FALSE(m.zero(0x50)); // a hole is of no interest
    CHECK(m.at(0x50) == nullptr);
    REQUIRE(m.restored.size() == 1);
    CHECK(m.restored[0] == Machine::Restored{slot::guest_ram.value, 0x51, 1});
}

TEST_CASE("extents of every order") {
    for (unsigned order = 0; order <= 8; ++order) { // in a guest of 4 MiB; larger ones are a system test's
        INFO("order " << order);
        Guest m;
        const std::uint64_t pages = 1u << order;
        m.fill(0x40, 8);
        constexpr std::uint64_t first = 0x40;
        REQUIRE(m.change(XENMEM_decrease_reservation, {first}, order) == 1);
        CHECK(m.at(first) == nullptr);
        CHECK(m.at(first + pages - 1) == nullptr);
        CHECK(m.at(first + pages) != nullptr);
        CHECK(m.at(first - 1) != nullptr);
        REQUIRE(m.change(XENMEM_populate_physmap, {first}, order) == 1);
        CHECK(m.at(first + pages - 1) == m.home(first + pages - 1));
        CHECK(m.zero(0x40));
        REQUIRE(m.restored.size() == 1);
        CHECK(m.restored[0] == Machine::Restored{slot::guest_ram.value, first, pages});
        CHECK(m.asked.back().request.populate.order == order);
    }
    Guest m;
    CHECK(m.change(XENMEM_decrease_reservation, {0}, 10) == 0);
    CHECK(m.change(XENMEM_populate_physmap, {0}, 10) == 0);
    CHECK(m.change(XENMEM_increase_reservation, {0}, 10) == 0);
    CHECK(m.change(XENMEM_populate_physmap, {0}, 0xffff'ffff) == 0);
    CHECK(m.asked.empty());
}

TEST_CASE("an extent that the kernel brings back in steps is all there, and zeroed once") {
    Guest m;
    m.restore_step = 24;
    m.fill(0x40, 8);
    REQUIRE(m.change(XENMEM_decrease_reservation, {0x40}, 6) == 1);
    REQUIRE(m.change(XENMEM_populate_physmap, {0x40}, 6) == 1);
    using Restored = Machine::Restored;
    CHECK(m.restored == std::vector<Restored>{{slot::guest_ram.value, 0x40, 24},
                                              {slot::guest_ram.value, 0x58, 24},
                                              {slot::guest_ram.value, 0x70, 16}});
    for (std::uint64_t gfn = 0x40; gfn < 0x80; ++gfn) {
        CHECK(m.at(gfn) == m.home(gfn));
    }
    CHECK(m.zero(0x40));
}

TEST_CASE("decrease_reservation and populate_physmap count extents") {
    Guest m;
    std::vector<std::uint64_t> gfns;
    for (std::uint64_t i = 0; i < 150; ++i) {
        gfns.push_back(0x100 + i);
    }
    std::vector<std::uint64_t> seen;
    std::uint64_t limit = 1000;
    m.answer = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        const auto& r = request.request;
        const bool decrease = request.which_request == bulkhead_MemoryRequest_decrease_reservation_tag;
        const pb_size_t count = decrease ? r.decrease_reservation.gfn_count : r.populate.gfn_count;
        for (pb_size_t i = 0; i < count && seen.size() < limit; ++i) {
            seen.push_back(decrease ? r.decrease_reservation.gfn[i] : r.populate.gfn[i]);
            ++reply.value;
        }
    };
    SECTION("all of them, in several messages") {
        CHECK(m.change(XENMEM_decrease_reservation, gfns) == 150);
        CHECK(seen == gfns);
        CHECK(m.asked.size() == 3);
    }
    SECTION("as many as the component could") {
        limit = 70;
        CHECK(m.change(XENMEM_populate_physmap, gfns) == 70);
        CHECK(m.asked.size() == 2);
    }
    SECTION("no more pages in a message than are zeroed in one go") {
        CHECK(m.change(XENMEM_decrease_reservation, {0x100, 0x140, 0x180, 0x1c0}, 6) == 4);
        CHECK(m.asked.size() == 1);
        m.asked.clear();
        CHECK(m.change(XENMEM_decrease_reservation, {0x100, 0x180, 0x80}, 7) == 3);
        CHECK(m.asked.size() == 1);
        m.asked.clear();
        CHECK(m.change(XENMEM_decrease_reservation, {0x100, 0x1000, 0x1100}, 8) == 3);
        CHECK(m.asked.size() == 2);
    }
    SECTION("none at all: bad handles, other domains, absurd counts, flags") {
        xen_memory_reservation r{};
        r.extent_start.p = reinterpret_cast<xen_pfn_t*>(list);
        r.nr_extents = 1;
        r.domid = 1;
        CHECK(m.memory_op(XENMEM_decrease_reservation, r) == 0);
        r.domid = DOMID_SELF;
        r.nr_extents = ~0ull;
        CHECK(m.memory_op(XENMEM_decrease_reservation, r) == 0);
        r.nr_extents = 1;
        r.extent_start.p = reinterpret_cast<xen_pfn_t*>(test::unmapped);
        CHECK(m.memory_op(XENMEM_decrease_reservation, r) == 0);
        CHECK(m.hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, test::unmapped) == 0);
        CHECK(m.change(XENMEM_populate_physmap, {1}, 0, XENMEMF_populate_on_demand) == 0);
        CHECK(m.change(XENMEM_populate_physmap, {1}, 0, XENMEMF_address_bits(12)) == 0);
        CHECK(seen.empty());
        CHECK(m.change(XENMEM_populate_physmap, {1}, 0, XENMEMF_address_bits(32)) == 1);
    }
    SECTION("a list that ends in nothing: what is there is done") {
        xen_memory_reservation r{};
        r.extent_start.p = reinterpret_cast<xen_pfn_t*>(test::ram_bytes - 70 * 8);
        r.nr_extents = 150;
        r.domid = DOMID_SELF;
        CHECK(m.memory_op(XENMEM_populate_physmap, r) == 70);
    }
}

TEST_CASE("pages that come from elsewhere") {
    Guest m;
    REQUIRE(m.change(XENMEM_decrease_reservation, {0x50, 0x51, 0x52, 0x53}) == 4);
    m.fill(0x50, 4);
    m.answer = [](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        if (request.which_request == bulkhead_MemoryRequest_populate_tag) {
            reply.value = 1;
            reply.moved[0] = {0x8000, 0x51, 2};
            reply.moved_count = 1;
        } else if (request.which_request == bulkhead_MemoryRequest_decrease_reservation_tag) {
            reply.value = request.request.decrease_reservation.gfn_count;
        }
    };
    SECTION("are mapped there, zeroed, and are what the monitor sees there") {
        REQUIRE(m.change(XENMEM_populate_physmap, {0x8000}, 1) == 1);
        REQUIRE(m.mapped.size() == 1);
        CHECK(m.mapped[0] == Machine::Mapped{slot::moved_pages.value, 0x8000, 0x51, 2});
        CHECK(m.at(0x8000) == m.home(0x51));
        CHECK(m.at(0x8001) == m.home(0x52));
        CHECK(m.at(0x8002) == nullptr);
        CHECK(m.at(0x51) == nullptr);
        CHECK(m.zero(0x51));
        CHECK(m.zero(0x52));
        CHECK_FALSE(m.zero(0x53));
        // Given back, the last of them takes the capability along.
        REQUIRE(m.change(XENMEM_decrease_reservation, {0x8001}) == 1);
        CHECK(m.removed.empty());
        CHECK(m.at(0x8001) == nullptr);
        REQUIRE(m.change(XENMEM_decrease_reservation, {0x8000}) == 1);
        CHECK(m.removed == std::vector<std::uint32_t>{slot::moved_pages.value});
    }
    SECTION("cannot be mapped: none is done, and all is given back again") {
        m.map_status = Status::out_of_memory;
        CHECK(m.change(XENMEM_populate_physmap, {0x8000}, 1) == 0);
        CHECK(m.at(0x8000) == nullptr);
        CHECK(m.removed == std::vector<std::uint32_t>{slot::moved_pages.value});
        REQUIRE(m.asked.back().which_request == bulkhead_MemoryRequest_decrease_reservation_tag);
        CHECK(m.asked.back().request.decrease_reservation.gfn[0] == 0x8000);
        CHECK(m.asked.back().request.decrease_reservation.order == 1);
    }
    SECTION("together with pages that are at home") {
        m.answer = [](const bulkhead_MemoryRequest&, bulkhead_MemoryReply& reply) {
            reply.value = 1;
            reply.moved[0] = {0x51, 0x60, 2};
            reply.moved_count = 1;
        };
        REQUIRE(m.change(XENMEM_populate_physmap, {0x50}, 2) == 1);
        REQUIRE(m.restored.size() == 2);
        CHECK(m.restored[0] == Machine::Restored{slot::guest_ram.value, 0x50, 1});
        CHECK(m.restored[1] == Machine::Restored{slot::guest_ram.value, 0x53, 1});
        CHECK(m.at(0x51) == m.home(0x60));
    }
}

TEST_CASE("add_to_physmap moves pages") {
    Guest m;
    m.answer = [](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        if (request.which_request == bulkhead_MemoryRequest_move_tag) {
            reply.moved[0] = {request.request.move.to, 0x50, 1};
            reply.moved_count = 1;
        }
    };
    m.fill(0x50);
    const auto add = [&](unsigned space, std::uint64_t index, std::uint64_t gfn, std::uint16_t size = 0) {
        return m.memory_op(XENMEM_add_to_physmap, xen_add_to_physmap{DOMID_SELF, size, space, index, gfn});
    };
    REQUIRE(add(XENMAPSPACE_gmfn, 0x50, 0x60) == 0);
    CHECK(m.at(0x50) == nullptr);
    CHECK(m.at(0x60) == m.home(0x50));
    CHECK_FALSE(m.zero(0x50)); // with what is in it
    REQUIRE(m.mapped.size() == 1);
    CHECK(m.mapped[0] == Machine::Mapped{slot::moved_pages.value, 0x60, 0x50, 1});
    REQUIRE(add(XENMAPSPACE_gmfn, 0x60, 0x50) == 0);
    CHECK(m.at(0x50) == m.home(0x50));
    CHECK(m.at(0x60) == nullptr);
    CHECK_FALSE(m.zero(0x50));

    SECTION("a range stops where it fails") {
        m.answer = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            reply.result = request.request.move.from == 0x72 ? -XEN_EINVAL : 0;
            reply.moved[0] = {request.request.move.to, request.request.move.from, 1};
            reply.moved_count = 1;
        };
        CHECK(add(XENMAPSPACE_gmfn_range, 0x70, 0x80, 5) == -XEN_EINVAL);
        CHECK(m.at(0x80) == m.home(0x70));
        CHECK(m.at(0x81) == m.home(0x71));
        CHECK(m.at(0x82) == m.home(0x82));
        CHECK(add(XENMAPSPACE_gmfn_range, 0x90, 0xa0, 0) == 0);
        CHECK(m.at(0x90) == m.home(0x90));
    }
    SECTION("without a table for the new place, the page stays where it was") {
        m.map_status = Status::out_of_memory;
        int calls = 0;
        m.answer = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            if (++calls == 2) {
                CHECK(request.request.move.from == 0x9000);
                m.map_status = Status::ok;
            }
            reply.moved[0] = {request.request.move.to, 0x50, 1};
            reply.moved_count = 1;
        };
        CHECK(add(XENMAPSPACE_gmfn, 0x50, 0x9000) == -XEN_ENOMEM);
        CHECK(calls == 2);
        CHECK(m.at(0x50) == m.home(0x50));
        CHECK(m.at(0x9000) == nullptr);
        CHECK_FALSE(m.d().ended);
    }
}

TEST_CASE("add_to_physmap_batch: an error for each") {
    Guest m;
    constexpr std::uint64_t indexes = test::scratch + 0x100, gfns = test::scratch + 0x200,
                            errors = test::scratch + 0x300;
    m.answer = [](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        if (request.which_request == bulkhead_MemoryRequest_move_tag) {
            reply.result = request.request.move.from == 0x51 ? -XEN_EINVAL : 0;
            reply.moved[0] = {request.request.move.to, request.request.move.from, 1};
            reply.moved_count = 1;
        }
    };
    for (std::uint64_t i = 0; i < 3; ++i) {
        m.store(indexes + i * 8, 0x50 + i);
        m.store(gfns + i * 8, 0x60 + i);
        m.store(errors + i * 4, 77);
    }
    xen_add_to_physmap_batch batch{};
    batch.domid = DOMID_SELF;
    batch.space = XENMAPSPACE_gmfn;
    batch.size = 3;
    batch.idxs.p = reinterpret_cast<xen_ulong_t*>(indexes);
    batch.gpfns.p = reinterpret_cast<xen_pfn_t*>(gfns);
    batch.errs.p = reinterpret_cast<int*>(errors);
    const auto error = [&](std::uint64_t i) { return m.load<std::int32_t>(errors + i * 4); };
    SECTION("all are tried") {
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == 0);
        CHECK(error(0) == 0);
        CHECK(error(1) == -XEN_EINVAL);
        CHECK(error(2) == 0);
        CHECK(m.at(0x62) == m.home(0x52));
    }
    SECTION("pages of other domains") {
        batch.space = XENMAPSPACE_gmfn_foreign;
        batch.u.foreign_domid = 3;
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == -XEN_EPERM);
        batch.u.foreign_domid = DOMID_INVALID;
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == -XEN_ESRCH);
        CHECK(error(2) == 77);
        batch.u.foreign_domid = test::own_domain;
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == 0);
        CHECK(error(2) == -XEN_EPERM);
        batch.u.foreign_domid = DOMID_SELF;
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == 0);
        CHECK(error(0) == -XEN_EINVAL);
    }
    SECTION("handles: nothing is done whose error could not be said") {
        batch.errs.p = reinterpret_cast<int*>(test::read_only_page);
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == -XEN_EFAULT);
        CHECK(m.asked.empty());
        batch.errs.p = reinterpret_cast<int*>(errors);
        batch.gpfns.p = reinterpret_cast<xen_pfn_t*>(test::unmapped);
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == -XEN_EFAULT);
        CHECK(m.asked.empty());
        batch.size = 0;
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == 0);
        batch.domid = 2;
        CHECK(m.memory_op(XENMEM_add_to_physmap_batch, batch) == -XEN_EPERM);
    }
}

TEST_CASE("remove_from_physmap") {
    Guest m;
    REQUIRE(m.d().memory.set_overlay(Gfn{0x20}, nullptr));
    std::int32_t result = -XEN_ENOENT;
    m.answer = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        REQUIRE(request.which_request == bulkhead_MemoryRequest_remove_from_physmap_tag);
        reply.result = result;
    };
    const xen_remove_from_physmap remove{DOMID_SELF, 0x30};
    CHECK(m.memory_op(XENMEM_remove_from_physmap, remove) == -XEN_ENOENT);
    CHECK(m.at(0x30) == m.home(0x30));
    result = 0;
    CHECK(m.memory_op(XENMEM_remove_from_physmap, remove) == 0);
    CHECK(m.at(0x30) == nullptr);
    CHECK(m.memory_op(XENMEM_remove_from_physmap, xen_remove_from_physmap{DOMID_SELF, 0x20}) == 0);
    CHECK(m.d().memory.has_room_for_overlay(Gfn{0x20}));
    CHECK(m.at(0x20) == nullptr); // what was under it was given back when it came
    CHECK(m.memory_op(XENMEM_remove_from_physmap, xen_remove_from_physmap{2, 0x20}) == -XEN_EPERM);
}

TEST_CASE("increase_reservation, exchange, and what a guest gets only errors from") {
    Guest m;
    CHECK(m.change(XENMEM_increase_reservation, {0, 0, 0}, 3) == 3);
    REQUIRE(m.asked.size() == 1);
    CHECK(m.asked[0].request.increase_reservation.order == 3);

    m.store(list, std::uint64_t{0x50});
    xen_memory_exchange e{};
    e.in.extent_start.p = reinterpret_cast<xen_pfn_t*>(list);
    e.in.nr_extents = 2;
    e.in.extent_order = 0;
    e.in.domid = DOMID_SELF;
    e.out = e.in;
    CHECK(m.memory_op(XENMEM_exchange, e) == -XEN_EOPNOTSUPP);
    m.store(list, std::uint64_t{0x5000'0000});
    CHECK(m.memory_op(XENMEM_exchange, e) == -XEN_EINVAL);
    e.in.extent_order = 1;
    CHECK(m.memory_op(XENMEM_exchange, e) == -XEN_EINVAL);
    e.in.extent_order = 10;
    CHECK(m.memory_op(XENMEM_exchange, e) == -XEN_EPERM);
    e.in.extent_order = 0;
    e.in.extent_start.p = reinterpret_cast<xen_pfn_t*>(test::unmapped);
    CHECK(m.memory_op(XENMEM_exchange, e) == -XEN_EFAULT);
    e.nr_exchanged = 2;
    CHECK(m.memory_op(XENMEM_exchange, e) == 0);
    e.nr_exchanged = 3;
    CHECK(m.memory_op(XENMEM_exchange, e) == -XEN_EINVAL);
    e.nr_exchanged = 0;
    e.in.domid = e.out.domid = 2;
    CHECK(m.memory_op(XENMEM_exchange, e) == -XEN_EPERM);
    CHECK(m.hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, test::unmapped) == -XEN_EFAULT);

    xen_vnuma_topology_info numa{};
    numa.domid = DOMID_SELF;
    CHECK(m.memory_op(XENMEM_get_vnumainfo, numa) == -XEN_EOPNOTSUPP);
    numa.pad = 1;
    CHECK(m.memory_op(XENMEM_get_vnumainfo, numa) == -XEN_EINVAL);
    xen_mem_acquire_resource resource{};
    resource.domid = DOMID_SELF;
    CHECK(m.memory_op(XENMEM_acquire_resource, resource) == -XEN_ESRCH);
    resource.domid = 3;
    CHECK(m.memory_op(XENMEM_acquire_resource, resource) == -XEN_EPERM);
    resource.pad = 1;
    CHECK(m.memory_op(XENMEM_acquire_resource, resource) == -XEN_EINVAL);
    struct {
        std::uint32_t flags, entries;
        std::uint64_t buffer;
        std::uint32_t device, padding;
    } reserved{1, 5, 0, 0, 0};
    CHECK(m.memory_op(27, reserved) == 0);
    CHECK(m.load<std::uint32_t>(test::scratch + 4) == 0);
    reserved.flags = 2;
    CHECK(m.memory_op(27, reserved) == -XEN_EINVAL);
    for (const int op :
         {XENMEM_machine_memory_map, XENMEM_set_memory_map, XENMEM_set_pod_target, XENMEM_get_pod_target}) {
        CHECK(m.hypercall(__HYPERVISOR_memory_op, static_cast<std::uint64_t>(op), test::scratch) == -XEN_EPERM);
    }
    for (const std::uint64_t op : {5ull, 8ull, 12ull, 29ull, 0x40ull, 0x4000'0006ull, 0x1'0000'0006ull}) {
        CHECK(m.hypercall(__HYPERVISOR_memory_op, op, test::scratch) == -XEN_ENOSYS);
    }
}
