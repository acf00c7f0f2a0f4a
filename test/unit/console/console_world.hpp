// SPDX-License-Identifier: Apache-2.0
// services/console in the simulated machine, with a builder, one domain's monitor and a model of the device. For its
// tests and for fuzzing.
#pragma once

#include <catch2/catch.hpp>

#include <memory>
#include <string>

#include <bulkhead/rpc.hpp>
#include <sim.hpp>

#include "fake_uart.hpp"
#include "service.hpp"

namespace bulkhead::console::test {

struct World {
    static constexpr Selector ring{600}, sender{601}, knock{602};

    sim::Machine machine;
    FakeUart device;
    sim::Component& console = machine.add("console");
    sim::Component& builder = machine.add("domain");
    sim::Component& monitor = machine.add("monitor");
    std::unique_ptr<Service> service = std::make_unique<Service>(device, 1000);
    Server<Service> server{*service, window};

    World() {
        device.sends_at_once = true;
        machine.give_range(console, ObjectType::interrupt, 4, 1, Rights::all, slot::uart_interrupt);
        machine.connect(builder, slot::console, console, ClientId::domain);
        machine.connect(monitor, slot::console, console, monitor_of(DomId{2}));
        machine.make(builder, ObjectType::region, page_size, ring);
        machine.give_sender(builder, sender, monitor, 7);
        machine.give_sender(monitor, knock, console, 2);
        machine.run_as(console, [&] { service->start(); });
        machine.serve(console, server);
    }
    std::int32_t ask(sim::Component& who, const bulkhead_ConsoleRequest& request, std::span<const CapItem> caps = {}) {
        bulkhead_ConsoleReply reply{};
        machine.run_as(who, [&] { REQUIRE(rpc(slot::console, request, reply, caps) == Status::ok); });
        return reply.result;
    }
    std::int32_t log(sim::Component& who, const std::string& text, bool guest) {
        bulkhead_ConsoleRequest request{};
        request.which_request = bulkhead_ConsoleRequest_log_tag;
        text.copy(request.request.log.text, sizeof request.request.log.text - 1);
        request.request.log.guest = guest;
        return ask(who, request);
    }
    std::int32_t add(sim::Component& who, std::uint32_t domain) {
        bulkhead_ConsoleRequest request{};
        request.which_request = bulkhead_ConsoleRequest_add_domain_tag;
        request.request.add_domain.domain = domain;
        std::string{"web"}.copy(request.request.add_domain.name, 3);
        const CapItem caps[] = {{ring.value, Rights::read | Rights::write, 0, 0}, {sender.value, Rights::write, 0, 0}};
        if (&who != &builder) {
            return ask(who, request);
        }
        machine.run_as(builder, [&] {
            REQUIRE(sys::mint(slot::cap_space, Selector{700}, sender, Rights::write) != Status::ok); // no derive
        });
        const CapItem moved[] = {caps[0], {sender.value, Rights::write, 1, 0}};
        return ask(who, request, moved);
    }
    std::int32_t simple(sim::Component& who, pb_size_t tag, std::uint32_t domain = 0) {
        bulkhead_ConsoleRequest request{};
        request.which_request = tag;
        request.request.remove_domain.domain = domain;
        return ask(who, request);
    }
    xencons_interface& page() { return *reinterpret_cast<xencons_interface*>(machine.memory_of(builder, ring).data()); }
    void guest_says(const std::string& text) {
        for (const char c : text) {
            page().out[MASK_XENCONS_IDX(page().out_prod, page().out)] = c;
            page().out_prod += 1;
        }
        machine.run_as(monitor, [&] { REQUIRE(sys::signal(knock) == Status::ok); });
    }
    void interrupt() {
        machine.run_as(console, [&] { REQUIRE(sys::signal(uart_signal) == Status::ok); });
        machine.run_as(builder, [] { sys::yield(); }); // the console gets to see it
    }
};

} // namespace bulkhead::console::test
