// SPDX-License-Identifier: Apache-2.0
// Three components and their clients in the simulated machine: the builder of domains, an honest monitor, a hostile
// one, and somebody with a badge that means nothing.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include <catch2/catch.hpp>

#include <bulkhead/log.hpp>
#include <bulkhead/rpc.hpp>
#include <event/service.hpp>
#include <grant/service.hpp>
#include <memory/service.hpp>
#include <sim.hpp>

namespace bulkhead::test {

inline void drop_line(std::string_view) {}

inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;
inline constexpr Selector inbox{900};
inline constexpr std::uint32_t inbox_slots = 2;
inline constexpr Selector first_own{910}; ///< what the hostile client has to send
inline constexpr std::uint32_t own_slots = 4;
inline constexpr std::uint32_t own_untyped = 1; ///< of them

struct World {
    sim::Machine machine{64 * mib};
    sim::Component& memory = machine.add("memory");
    sim::Component& grant = machine.add("grant");
    sim::Component& event = machine.add("event");
    sim::Component& builder = machine.add("domain");
    sim::Component& hostile = machine.add("monitor of d1");
    sim::Component& honest = machine.add("monitor of d2");
    sim::Component& stranger = machine.add("nobody in particular");

    std::vector<std::uint64_t> bits = std::vector<std::uint64_t>(1024);
    std::vector<event::PortTable::Bucket> buckets = std::vector<event::PortTable::Bucket>(64);
    std::unique_ptr<memory::Service> memory_service = std::make_unique<memory::Service>(bits, 4096);
    std::unique_ptr<grant::Service> grant_service = std::make_unique<grant::Service>();
    std::unique_ptr<event::Service> event_service = std::make_unique<event::Service>(buckets, 4096);
    Server<memory::Service> memory_server{*memory_service, memory::window};
    Server<grant::Service> grant_server{*grant_service, grant::window};
    Server<event::Service> event_server{*event_service, event::window};

    World() {
        log_target().instead = drop_line;
        machine.give_untyped(memory, 16 * mib, slot::first_lendable);
        REQUIRE(memory_service->lender().add_source(slot::first_lendable, 16 * mib));
        connect(builder, ClientId::domain);
        connect(hostile, monitor_of(DomId{1}));
        connect(honest, monitor_of(DomId{2}));
        connect(stranger, static_cast<ClientId>(0xdead));
        machine.connect(memory, slot::grant, grant, ClientId::memory);
        machine.serve(memory, memory_server);
        machine.serve(grant, grant_server);
        machine.serve(event, event_server);
        machine.give_events(builder, Selector{801}, hostile, Rights::write | Rights::derive);
        machine.give_events(builder, Selector{802}, honest, Rights::write | Rights::derive);
        add_to_event(1);
        add_to_event(2);
    }

    void connect(sim::Component& client, ClientId badge) {
        machine.connect(client, slot::memory, memory, badge);
        machine.connect(client, slot::grant, grant, badge);
        machine.connect(client, slot::event, event, badge);
    }

    void add_to_event(std::uint32_t domain) {
        bulkhead_EventRequest request{};
        request.which_request = bulkhead_EventRequest_add_domain_tag;
        request.request.add_domain = {domain, 1, 128};
        const CapItem caps[] = {{800 + domain, Rights::write | Rights::derive, 0, 0}};
        bulkhead_EventReply reply{};
        machine.run_as(builder, [&] { REQUIRE(rpc(slot::event, request, reply, caps) == Status::ok); });
        REQUIRE(reply.result == 0);
    }

    /// Gives the client something of each kind to send along.
    void arm(sim::Component& client) {
        machine.make(client, ObjectType::region, page_size, first_own);
        machine.make(client, ObjectType::untyped, 16 * page_size, Selector{first_own.value + own_untyped});
        machine.make(client, ObjectType::event_set, 0, Selector{first_own.value + 2});
        machine.make(client, ObjectType::portal, 0, Selector{first_own.value + 3});
    }

    /// One call with these bytes and `caps` of the client's capabilities, from the `first` on; whatever capabilities
    /// come back are dropped.
    Status send(sim::Component& client, Selector portal, const std::vector<std::uint8_t>& bytes, std::uint32_t caps,
                std::uint32_t first) {
        Status status{};
        machine.run_as(client, [&] {
            Utcb& utcb = sys::utcb();
            std::copy(bytes.begin(), bytes.end(), utcb.data);
            for (std::uint32_t i = 0; i < caps; ++i) { // each once: the kernel refuses the same one twice
                utcb.caps[i] = {first_own.value + (first + i) % own_slots, Rights::all, 0, 0};
            }
            utcb.receive_selector = inbox.value;
            utcb.receive_count = inbox_slots;
            status = sys::call(portal, {static_cast<std::uint32_t>(bytes.size()), caps}).status;
            if (status == Status::bad_type && caps > (own_untyped + own_slots - first) % own_slots) {
                status = Status::ok; // the kernel does not copy an Untyped: nobody was called
            }
            for (std::uint32_t i = 0; i < inbox_slots; ++i) {
                (void)sys::remove(Selector{inbox.value + i});
            }
        });
        return status;
    }

    /// An honest domain gets a port, finds it as it should be, and gives it back.
    void check_honest() {
        bulkhead_EventRequest request{};
        bulkhead_EventReply reply{};
        request.which_request = bulkhead_EventRequest_bind_ipi_tag;
        request.request.bind_ipi = {};
        machine.run_as(honest, [&] { REQUIRE(rpc(slot::event, request, reply) == Status::ok); });
        REQUIRE(reply.result == 0);
        REQUIRE(reply.port == 1); // nobody else has taken one of its ports
        request.which_request = bulkhead_EventRequest_close_tag;
        request.request.close = {1};
        machine.run_as(honest, [&] { REQUIRE(rpc(slot::event, request, reply) == Status::ok); });
        REQUIRE(reply.result == 0);
    }
};

} // namespace bulkhead::test
