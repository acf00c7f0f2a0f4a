// SPDX-License-Identifier: Apache-2.0
// The whole component in the simulated machine, with real page tables: what a guest would see where, and that released
// memory is gone from everywhere.
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include <bulkhead/rpc.hpp>
#include <sim.hpp>

#include <grant.pb.h>

#include "service.hpp"

using namespace bulkhead;
using namespace bulkhead::memory;

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

/// Stands in for services/grant: a table of up to four frames, and with version 2 its status frames.
struct FakeGrant {
    using Request = bulkhead_GrantRequest;
    using Reply = bulkhead_GrantReply;
    std::uint32_t asked{0};
    std::uint32_t status_frames{0};
    void handle(const Request& request, Reply& reply, ClientId who, CapsIn&, CapsOut&) {
        REQUIRE(who == ClientId::memory);
        REQUIRE(request.which_request == bulkhead_GrantRequest_grow_tag);
        ++asked;
        const bool status = request.request.grow.status;
        reply.result = request.request.grow.index < (status ? status_frames : 4) ? 0 : -XEN_EINVAL;
    }
};

struct World {
    static constexpr Selector inbox{900}, stage2{901}, ram{902}, shared{903}, frames{904};
    static constexpr std::uint64_t ram_bytes = 4 * mib;
    static constexpr std::uint64_t ram_pages = ram_bytes / page_size;

    sim::Machine machine{64 * mib};
    sim::Component& memory = machine.add("memory");
    sim::Component& grant = machine.add("grant");
    sim::Component& builder = machine.add("domain");
    sim::Component& monitor = machine.add("monitor");
    std::vector<std::uint64_t> bits = std::vector<std::uint64_t>(256);
    std::unique_ptr<Service> service = std::make_unique<Service>(bits, 2048);
    Server<Service> server{*service, window};
    FakeGrant fake_grant;
    Server<FakeGrant> grant_server{fake_grant};
    bulkhead_MemoryReply reply{};
    std::uint32_t received{0};

    World() {
        machine.give_untyped(memory, 24 * mib, slot::first_lendable);
        REQUIRE(service->lender().add_source(slot::first_lendable, 24 * mib));
        machine.connect(memory, slot::grant, grant, ClientId::memory);
        machine.connect(builder, slot::memory, memory, ClientId::domain);
        machine.connect(monitor, slot::memory, memory, monitor_of(DomId{1}));
        machine.serve(grant, grant_server);
        machine.serve(memory, server);
    }
    std::int32_t ask(sim::Component& who, const bulkhead_MemoryRequest& request, std::span<const CapItem> caps = {},
                     Selector into = inbox) {
        reply = {};
        machine.run_as(who,
                       [&] { REQUIRE(rpc(slot::memory, request, reply, caps, into, 1, &received) == Status::ok); });
        return reply.result;
    }
    std::int32_t allocate(std::uint32_t domain, std::uint64_t bytes, Selector into = inbox) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_allocate_tag;
        request.request.allocate = {domain, bytes};
        return ask(builder, request, {}, into);
    }
    std::int32_t release(std::uint32_t domain) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_release_tag;
        request.request.release.domain = domain;
        return ask(builder, request);
    }
    std::int32_t add(std::uint32_t domain, std::span<const CapItem> caps) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_add_domain_tag;
        request.request.add_domain.domain = domain;
        request.request.add_domain.ram_pages = ram_pages;
        request.request.add_domain.max_gfn = 0xfefff;
        return ask(builder, request, caps);
    }
    /// A domain as services/domain builds it, as far as memory is concerned.
    void build() {
        REQUIRE(allocate(1, 8 * mib) == 0);
        machine.run_as(builder, [&] {
            REQUIRE(sys::retype(inbox, ObjectType::region, ram_bytes, ram) == Status::ok);
            REQUIRE(sys::retype(inbox, ObjectType::region, page_size, shared) == Status::ok);
            REQUIRE(sys::retype(inbox, ObjectType::region, (max_grant_frames + max_grant_status_frames) * page_size,
                                frames) == Status::ok);
            REQUIRE(sys::retype(inbox, ObjectType::stage2, 64, stage2) == Status::ok);
            REQUIRE(sys::map(ram, stage2, 0, Rights::read | Rights::write | Rights::execute) == Status::ok);
        });
        const CapItem caps[] = {{stage2.value, Rights::map, 0, 0},
                                {shared.value, Rights::read | Rights::write | Rights::derive, 0, 0},
                                {frames.value, Rights::read | Rights::write | Rights::derive, 0, 0}};
        REQUIRE(add(1, caps) == 0);
    }
    std::int32_t map(bulkhead_PhysmapSpace space, std::uint64_t index, std::uint64_t gfn) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_add_to_physmap_tag;
        request.request.add_to_physmap = {space, index, gfn};
        return ask(monitor, request);
    }
    /// A request whose field of that key, an enumeration, has a number that stands for nothing.
    std::int32_t with_number(std::uint8_t request, std::uint8_t key) {
        machine.run_as(monitor, [&] {
            const std::uint8_t bytes[] = {
                static_cast<std::uint8_t>(request << 3 | 2), 6, key, 0xff, 0xff, 0xff, 0xff, 0x07};
            std::copy(std::begin(bytes), std::end(bytes), sys::utcb().data);
            const auto result = sys::call(slot::memory, {sizeof bytes, 0});
            REQUIRE(result.status == Status::ok);
            reply = {};
            REQUIRE(decode(std::span<const std::uint8_t>{sys::utcb().data, result.info.length}, reply));
        });
        return reply.result;
    }
    std::int32_t unmap(std::uint64_t gfn) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_remove_from_physmap_tag;
        request.request.remove_from_physmap.gfn = gfn;
        return ask(monitor, request);
    }
    std::uint64_t decrease(const std::vector<std::uint64_t>& extents, std::uint32_t order) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_decrease_reservation_tag;
        auto& decrease = request.request.decrease_reservation;
        decrease.order = order;
        for (const std::uint64_t gfn : extents) {
            decrease.gfn[decrease.gfn_count++] = gfn;
        }
        REQUIRE(ask(monitor, request) == 0);
        return reply.value;
    }
    std::uint64_t query(bulkhead_MemoryQuery_What what) {
        bulkhead_MemoryRequest request{};
        request.which_request = bulkhead_MemoryRequest_query_tag;
        request.request.query.what = what;
        REQUIRE(ask(monitor, request) == 0);
        return reply.value;
    }
    void* seen(std::uint64_t gfn) { return machine.guest_pointer(builder, stage2, GuestPhys{gfn * page_size}); }
    void* frame(Selector region, std::uint64_t page = 0) {
        return machine.memory_of(builder, region).data() + page * page_size;
    }
    void* table(std::uint64_t page) { return machine.memory_of(builder, frames).data() + page * page_size; }
};

} // namespace

TEST_CASE_METHOD(World, "memory is lent, comes back whole, and is lent again", "[memory]") {
    const std::uint32_t idle = machine.used_slots(memory);
    REQUIRE(allocate(1, 8 * mib) == 0);
    REQUIRE(received == 1);
    CHECK(machine.inspect(builder, inbox).type == ObjectType::untyped);
    CHECK(machine.used_slots(memory) == idle + 1);
    machine.run_as(builder, [&] {
        REQUIRE(sys::retype(inbox, ObjectType::region, 8 * mib, Selector{910}) == Status::ok);
        REQUIRE(sys::map(Selector{910}, slot::address_space, 0x10'0000'0000, Rights::read | Rights::write) ==
                Status::ok);
    });
    *static_cast<std::uint32_t*>(machine.pointer(builder, UserVirt{0x10'0000'0000})) = 0x5ec4e7;
    CHECK(allocate(2, 32 * mib, Selector{920}) == -XEN_ENOMEM);
    CHECK(allocate(65, mib, Selector{920}) == -XEN_EINVAL);
    REQUIRE(release(1) == 0);
    CHECK(machine.inspect(builder, inbox).type == ObjectType::null);
    CHECK(machine.inspect(builder, Selector{910}).type == ObjectType::null);
    CHECK(machine.pointer(builder, UserVirt{0x10'0000'0000}) == nullptr);
    CHECK(release(1) == -XEN_ESRCH);

    REQUIRE(allocate(2, 8 * mib) == 0); // the same memory, and nothing of what was in it
    machine.run_as(builder,
                   [&] { REQUIRE(sys::retype(inbox, ObjectType::region, 8 * mib, Selector{910}) == Status::ok); });
    const auto bytes = machine.memory_of(builder, Selector{910});
    REQUIRE(bytes.size() == 8 * mib);
    CHECK(std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; }));
}

TEST_CASE_METHOD(World, "a loan that cannot be delivered comes back with the next release", "[memory]") {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_allocate_tag;
    request.request.allocate = {1, mib};
    machine.run_as(builder, [&] { CHECK(rpc(slot::memory, request, reply) == Status::out_of_range); });
    CHECK(service->lender().lent() == mib);
    CHECK(release(1) == 0);
    CHECK(service->lender().lent() == 0);
}

TEST_CASE_METHOD(World, "shared_info goes where the guest wants it", "[memory]") {
    build();
    REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, 0x10) == 0);
    CHECK(seen(0x10) == frame(shared));
    CHECK(seen(0x11) == frame(ram, 0x11));
    CHECK(query(bulkhead_MemoryQuery_What_CURRENT_RESERVATION) == ram_pages - 1);
    CHECK(query(bulkhead_MemoryQuery_What_MAXIMUM_RESERVATION) == ram_pages);
    REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, 0xf'fffe) == 0);
    CHECK(seen(0x10) == nullptr);
    CHECK(seen(0xf'fffe) == frame(shared));
    CHECK(query(bulkhead_MemoryQuery_What_MAXIMUM_GFN) == 0xf'fffe);
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 1, 0x10) == -XEN_EINVAL);
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, ~std::uint64_t{0}) == -XEN_EINVAL);
    CHECK(with_number(bulkhead_MemoryRequest_add_to_physmap_tag, 0x08) == -XEN_EINVAL);
    CHECK(with_number(bulkhead_MemoryRequest_query_tag, 0x08) == -XEN_ENOSYS);
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS, 0, 0x10) == -XEN_EINVAL);
    CHECK(seen(0xf'fffe) == frame(shared));
}

TEST_CASE_METHOD(World, "grant-table frames", "[memory]") {
    build();
    REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE, 3, 0x2000) == 0);
    REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE, 0, 0x20) == 0);
    CHECK(seen(0x2000) == table(3));
    CHECK(seen(0x20) == table(0));
    REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE, 3, 0x20) == 0);
    CHECK(seen(0x20) == table(3));
    CHECK(seen(0x2000) == nullptr);
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE, 4, 0x21) == -XEN_EINVAL);
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE, std::uint64_t{1} << 32, 0x21) == -XEN_EINVAL);
    CHECK(seen(0x21) == frame(ram, 0x21));
    CHECK(fake_grant.asked == 4);
    REQUIRE(unmap(0x20) == 0);
    CHECK(seen(0x20) == nullptr);

    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS, 0, 0x22) == -XEN_EINVAL); // version 1 has none
    fake_grant.status_frames = 1;
    REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS, 0, 0x22) == 0);
    CHECK(seen(0x22) == table(max_grant_frames));
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS, 1, 0x23) == -XEN_EINVAL);
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS, max_grant_status_frames, 0x23) == -XEN_EINVAL);
    CHECK(seen(0x23) == frame(ram, 0x23));
}

TEST_CASE_METHOD(World, "pages given back are gone until they are asked for again", "[memory]") {
    build();
    CHECK(decrease({5, 6, 0x200}, 0) == 3);
    CHECK(seen(5) == nullptr);
    CHECK(seen(7) == frame(ram, 7));
    CHECK(decrease({8, 5}, 0) == 1);
    CHECK(decrease({512}, 9) == 0);
    CHECK(decrease({0x201}, 8) == 1);
    CHECK(seen(0x300) == nullptr);
    CHECK(query(bulkhead_MemoryQuery_What_CURRENT_RESERVATION) == ram_pages - 4 - 256);
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_populate_tag;
    request.request.populate.gfn_count = 1;
    request.request.populate.gfn[0] = 5;
    CHECK(ask(monitor, request) == 0);
    CHECK(reply.value == 1);
    CHECK(reply.moved_count == 0);
    CHECK(seen(5) == nullptr); // mapping it is the monitor's: the component cannot
    CHECK(query(bulkhead_MemoryQuery_What_CURRENT_RESERVATION) == ram_pages - 3 - 256);
    request.request.populate.gfn[0] = 0x5000;
    CHECK(ask(monitor, request) == 0);
    REQUIRE(reply.moved_count == 1);
    CHECK(reply.moved[0].gfn == 0x5000);
    CHECK(reply.moved[0].frame == 6);
    CHECK(reply.moved[0].pages == 1);
    request.which_request = bulkhead_MemoryRequest_move_tag;
    request.request.move = {0x5000, 0x5001};
    CHECK(ask(monitor, request) == 0);
    REQUIRE(reply.moved_count == 1);
    CHECK(reply.moved[0].frame == 6);
    CHECK(ask(monitor, request) == -XEN_EINVAL);
    request.which_request = bulkhead_MemoryRequest_increase_reservation_tag;
    request.request.increase_reservation = {1000, 0};
    CHECK(ask(monitor, request) == 0);
    CHECK(reply.value == 2 + 256);
    CHECK(unmap(8) == -XEN_ENOENT);
    CHECK(unmap(0x101) == 0);
    CHECK(seen(0x101) == nullptr);
}

TEST_CASE_METHOD(World, "released: nothing of the domain is left anywhere", "[memory]") {
    const std::uint32_t idle = machine.used_slots(memory);
    for (int life = 0; life < 3; ++life) {
        build();
        REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, 0x10) == 0);
        REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE, 1, 0x2000) == 0);
        REQUIRE(release(1) == 0);
        CHECK(machine.used_slots(memory) == idle + 1); // the loan, kept for the next
        for (const Selector gone : {inbox, stage2, ram, shared}) {
            CHECK(machine.inspect(builder, gone).type == ObjectType::null);
        }
        CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, 0x10) == -XEN_ESRCH);
    }
}

TEST_CASE_METHOD(World, "a domain whose memory went without a word", "[memory]") {
    build();
    REQUIRE(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, 0x10) == 0);
    machine.run_as(builder, [&] { REQUIRE(sys::remove(shared) == Status::ok); });
    machine.run_as(builder, [&] { REQUIRE(sys::revoke(inbox) == Status::ok); });
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, 0x11) == -XEN_EINVAL);
    CHECK(decrease({5}, 0) == 0);
    REQUIRE(release(1) == 0);
    build();
}

TEST_CASE_METHOD(World, "who may ask what, and with which capabilities", "[memory]") {
    const std::uint32_t idle = machine.used_slots(memory);
    CHECK(add(1, {}) == -XEN_EINVAL);
    machine.make(builder, ObjectType::region, page_size, shared);
    machine.make(builder, ObjectType::stage2, 16, stage2);
    machine.make(builder, ObjectType::region, page_size, frames);
    const CapItem swapped[] = {
        {shared.value, Rights::read, 0, 0}, {stage2.value, Rights::map, 0, 0}, {frames.value, Rights::read, 0, 0}};
    CHECK(add(1, swapped) == -XEN_EINVAL);
    const CapItem good[] = {
        {stage2.value, Rights::map, 0, 0}, {shared.value, Rights::read, 0, 0}, {frames.value, Rights::read, 0, 0}};
    CHECK(add(65, good) == -XEN_EINVAL);
    CHECK(machine.used_slots(memory) == idle);
    REQUIRE(add(1, good) == 0);
    CHECK(add(1, good) == -XEN_EEXIST);
    CHECK(machine.used_slots(memory) == idle + 3);
    CHECK(map(bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO, 0, 1) == -XEN_EINVAL); // it was given without derive

    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_allocate_tag;
    request.request.allocate = {1, mib};
    CHECK(ask(monitor, request) == -XEN_EPERM);
    request.which_request = bulkhead_MemoryRequest_release_tag;
    CHECK(ask(monitor, request) == -XEN_EPERM);
    request.which_request = bulkhead_MemoryRequest_query_tag;
    CHECK(ask(builder, request) == -XEN_EPERM);
    CHECK(service->refusals().count() == 3);
}
