// SPDX-License-Identifier: Apache-2.0
// Domains as services/domain builds them, as far as grants are concerned: RAM with its stage 2, a grant table, what
// offers the RAM's pages, and a monitor with an address space.
#pragma once

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include <bulkhead/rpc.hpp>
#include <sim.hpp>

#include "foreign_pages.hpp"
#include "service.hpp"

namespace bulkhead::grant::test {

using vcpu::ForeignPages;

constexpr std::uint64_t entry_of(std::uint32_t peer, std::uint64_t frame, std::uint64_t flags = GTF_permit_access) {
    return flags | std::uint64_t{peer} << 16 | frame << 32;
}

/// The machine, the grant component served or not, and domains 1 to 3 with a monitor each.
struct World {
    static constexpr std::uint32_t domains = 3;
    static constexpr std::uint32_t ram_pages = 16, table_frames = 2, status_frames = 1, handles = 5;
    static constexpr Selector inbox{900};

    sim::Machine machine{64u << 20};
    sim::Component& grant = machine.add("grant", 1152);
    sim::Component& builder = machine.add("domain");
    sim::Component& memory = machine.add("memory");
    std::vector<sim::Component*> monitors;
    ForeignPages foreign[domains + 1];
    std::unique_ptr<Service> service = std::make_unique<Service>();
    Server<Service> server{*service, window};
    bulkhead_GrantReply reply{};
    bool may_change_version{false}; ///< domains that are made now have their own Offers

    World() {
        machine.connect(builder, slot::grant, grant, ClientId::domain);
        machine.connect(memory, slot::grant, grant, ClientId::memory);
        machine.serve(grant, server);
        for (std::uint32_t id = 1; id <= domains; ++id) {
            monitors.push_back(&machine.add("monitor"));
            machine.connect(monitor(id), slot::grant, grant, monitor_of(number(id)));
            machine.give_untyped(builder, 2u << 20, loan(id));
        }
    }
    static DomId number(std::uint32_t id) { return DomId{static_cast<std::uint16_t>(id)}; }
    sim::Component& monitor(std::uint32_t id) { return *monitors[id - 1]; }

    // --- the builder's slots of a domain
    static Selector loan(std::uint32_t id) { return Selector{100 * id}; }
    static Selector part(std::uint32_t id, std::uint32_t which) { return Selector{100 * id + which}; }
    static Selector ram(std::uint32_t id) { return part(id, 1); }
    static Selector ram_copy(std::uint32_t id) { return part(id, 2); }
    static Selector table(std::uint32_t id) { return part(id, 3); }
    static Selector stage2(std::uint32_t id) { return part(id, 4); }
    static Selector window_space(std::uint32_t id) { return part(id, 5); }
    static Selector offers(std::uint32_t id) { return part(id, 6); }

    static Selector own_offers(std::uint32_t id) { return part(id, 21); } ///< the monitor's

    void make_parts(std::uint32_t id) {
        constexpr Rights all_access = Rights::read | Rights::write | Rights::execute;
        machine.run_as(builder, [&] {
            const auto make = [&](ObjectType type, std::uint64_t size, Selector at) {
                REQUIRE(sys::retype(loan(id), type, size, at) == Status::ok);
            };
            make(ObjectType::region, ram_pages * page_size, ram(id));
            make(ObjectType::region, (table_frames + status_frames) * page_size, table(id));
            make(ObjectType::stage2, 24, stage2(id));
            make(ObjectType::address_space, 24, window_space(id));
            REQUIRE(sys::mint(slot::cap_space, ram_copy(id), ram(id), Rights::all) == Status::ok);
            REQUIRE(sys::map(ram_copy(id), stage2(id), 0, all_access) == Status::ok);
            const Selector scratch = part(id, 20);
            make(ObjectType::offers, table_frames, scratch);
            REQUIRE(sys::offers_configure(scratch, table(id), stage2(id), ram(id), no_selector) == Status::ok);
            REQUIRE(sys::mint(slot::cap_space, offers(id), scratch, Rights::map | Rights::derive) == Status::ok);
            if (may_change_version) {
                REQUIRE(sys::mint(slot::cap_space, own_offers(id), scratch, Rights::write) == Status::ok);
            }
            REQUIRE(sys::remove(scratch) == Status::ok);
            constexpr Rights badged = Rights::write | Rights::derive;
            make(ObjectType::cap_space, ForeignPages::first_handle_slot + handles, scratch);
            REQUIRE(sys::mint_badge(slot::cap_space, part(id, 7), stage2(id), badged, id) == Status::ok);
            REQUIRE(sys::mint_badge(slot::cap_space, part(id, 8), window_space(id), badged, id) == Status::ok);
        });
        machine.copy(builder, part(id, 20), monitor(id), slot::foreign_pages, Rights::control);
        machine.copy(builder, part(id, 7), monitor(id), slot::offers_to_guest, Rights::write);
        machine.copy(builder, part(id, 8), monitor(id), slot::offers_to_monitor, Rights::write);
        foreign[id] = ForeignPages{number(id), nullptr, handles};
    }
    std::int32_t send_parts(std::uint32_t id, std::uint32_t frames = table_frames) {
        bulkhead_GrantRequest request{};
        request.which_request = bulkhead_GrantRequest_add_domain_tag;
        request.request.add_domain = {id, frames, max_grant_version};
        const CapItem caps[] = {{offers(id).value, Rights::all, 1, 0}};
        return ask(builder, request, caps);
    }
    void add(std::uint32_t id) {
        make_parts(id);
        REQUIRE(send_parts(id) == 0);
    }

    std::int32_t ask(sim::Component& who, const bulkhead_GrantRequest& request, std::span<const CapItem> caps = {}) {
        reply = {};
        machine.run_as(who, [&] { REQUIRE(rpc(slot::grant, request, reply, caps) == Status::ok); });
        return reply.result;
    }
    std::int32_t remove(std::uint32_t id) {
        bulkhead_GrantRequest request{};
        request.which_request = bulkhead_GrantRequest_remove_domain_tag;
        request.request.remove_domain.domain = id;
        return ask(builder, request);
    }
    std::int32_t grow(sim::Component& who, std::uint32_t id, std::uint32_t index, bool status = false) {
        bulkhead_GrantRequest request{};
        request.which_request = bulkhead_GrantRequest_grow_tag;
        request.request.grow = {id, index, status};
        return ask(who, request);
    }

    // --- what the guests of the domains do and see
    std::uint64_t& entry(std::uint32_t id, std::uint32_t ref) {
        return reinterpret_cast<std::uint64_t*>(machine.memory_of(builder, table(id)).data())[ref];
    }
    /// What the domain's monitor does for set_version(2).
    void change_to_version_2(std::uint32_t id) {
        bulkhead_GrantRequest request{};
        request.which_request = bulkhead_GrantRequest_set_version_tag;
        request.request.set_version = {2, false};
        machine.run_as(builder,
                       [&] { REQUIRE(sys::offers_format(own_offers(id), OfferFormat::version_2) == Status::ok); });
        REQUIRE(ask(monitor(id), request) == 0);
    }
    void offer_wide(std::uint32_t id, std::uint32_t ref, std::uint32_t peer, std::uint64_t frame,
                    std::uint64_t flags = GTF_permit_access) {
        entry(id, 2 * ref + 1) = frame;
        entry(id, 2 * ref) = flags | std::uint64_t{peer} << 16;
    }
    std::uint16_t& status(std::uint32_t id, std::uint32_t ref) {
        return reinterpret_cast<std::uint16_t*>(&entry(id, table_frames * entries_per_frame))[ref];
    }
    void* page(std::uint32_t id, std::uint64_t frame) {
        return machine.memory_of(builder, ram(id)).data() + frame * page_size;
    }
    void* seen(std::uint32_t id, std::uint64_t gfn) {
        return machine.guest_pointer(builder, stage2(id), GuestPhys{gfn << page_shift});
    }
    std::vector<sim::Machine::Leaf> window_of(std::uint32_t id) { return machine.leaves(builder, window_space(id)); }

    ForeignPages::Outcome map(std::uint32_t who, std::uint32_t owner, std::uint32_t ref, std::uint64_t address,
                              std::uint32_t flags = GNTMAP_host_map) {
        ForeignPages::Outcome outcome;
        machine.run_as(monitor(who), [&] { outcome = foreign[who].map({owner, ref, flags, address}); });
        return outcome;
    }
    std::int32_t unmap(std::uint32_t who, std::uint32_t handle, std::uint64_t address, std::uint64_t bus = 0) {
        std::int32_t status = 0;
        machine.run_as(monitor(who), [&] { status = foreign[who].unmap({handle, address, bus}).status; });
        return status;
    }
    static constexpr auto source = ForeignPages::Side::source, dest = ForeignPages::Side::dest;
    std::int32_t open(std::uint32_t who, ForeignPages::Side side, std::uint32_t owner, std::uint32_t ref) {
        std::int32_t status = 0;
        machine.run_as(monitor(who), [&] { status = foreign[who].open(side, owner, ref); });
        return status;
    }
    void close(std::uint32_t who) {
        machine.run_as(monitor(who), [&] { foreign[who].close(); });
    }
    /// Takes all of a domain's memory back, as services/memory does.
    void revoke(std::uint32_t id) {
        machine.run_as(builder, [&] { REQUIRE(sys::revoke(loan(id)) == Status::ok); });
    }
};

} // namespace bulkhead::grant::test
