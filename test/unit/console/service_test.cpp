// SPDX-License-Identifier: Apache-2.0
// The whole component in the simulated machine: real capabilities, messages and signals, a model of the device.
#include "console_world.hpp"

using namespace bulkhead;
using namespace bulkhead::console;
using bulkhead::console::test::World;

TEST_CASE_METHOD(World, "start-up and the log", "[console]") {
    CHECK(device.sent == "[console] ready: COM1, 115200 8N1\n");
    device.sent.clear();
    CHECK(log(builder, "building\n", false) == 0);
    CHECK(log(monitor, "early\n", false) == 0);
    REQUIRE(add(builder, 2) == 0);
    CHECK(log(monitor, "running\n", false) == 0);
    CHECK(log(monitor, "Linux ver", true) == 0);
    CHECK(log(builder, "no newline", true) == 0);
    CHECK(log(monitor, "sion\nrest", true) == 0);
    CHECK(device.sent == "[domain] building\n[domain 2] early\n[web] running\n[domain] no newline\n"
                         "[web log] Linux version\n");
}

TEST_CASE_METHOD(World, "a domain's console, there and back", "[console]") {
    REQUIRE(add(builder, 2) == 0);
    device.sent.clear();
    guest_says("login: ");
    CHECK(device.sent == "\x1e"
                         "2login: ");
    CHECK(page().out_cons == 7);
    CHECK(machine.event_page(monitor).word[0] == 1u << 7);

    machine.event_page(monitor).word[0] = 0;
    device.type("\x1e"
                "2root\n");
    interrupt();
    CHECK(page().in_prod == 5);
    CHECK(std::string(page().in, 5) == "root\n");
    CHECK(machine.event_page(monitor).word[0] == 1u << 7);

    CHECK(log(builder, "x\n", false) == 0);
    CHECK(device.sent == "\x1e"
                         "2login: \x1e"
                         "0[domain] x\n");
}

TEST_CASE_METHOD(World, "who may ask what", "[console]") {
    CHECK(add(monitor, 2) == -XEN_EPERM);
    CHECK(simple(monitor, bulkhead_ConsoleRequest_remove_domain_tag, 2) == -XEN_EPERM);
    CHECK(simple(monitor, bulkhead_ConsoleRequest_flush_tag) == -XEN_EPERM);
    CHECK(simple(builder, bulkhead_ConsoleRequest_flush_tag) == 0);
    CHECK(simple(builder, bulkhead_ConsoleRequest_remove_domain_tag, 2) == -XEN_ESRCH);
    CHECK(simple(builder, bulkhead_ConsoleRequest_remove_domain_tag, 65) == -XEN_ESRCH);
    machine.connect(monitor, Selector{700}, console, ClientId{0x999});
    bulkhead_ConsoleRequest request{};
    bulkhead_ConsoleReply reply{};
    request.which_request = bulkhead_ConsoleRequest_log_tag;
    machine.run_as(monitor, [&] { REQUIRE(rpc(Selector{700}, request, reply) == Status::ok); });
    CHECK(reply.result == -XEN_EPERM);
    CHECK(service->refusals().count() == 4);
}

TEST_CASE_METHOD(World, "capabilities of the wrong kind are refused and leave nothing", "[console]") {
    const std::uint32_t before = machine.used_slots(console);
    bulkhead_ConsoleRequest request{};
    request.which_request = bulkhead_ConsoleRequest_add_domain_tag;
    request.request.add_domain.domain = 2;
    CHECK(ask(builder, request) == -XEN_EINVAL);
    const CapItem one[] = {{ring.value, Rights::read | Rights::write, 0, 0}};
    CHECK(ask(builder, request, one) == -XEN_EINVAL);
    machine.make(builder, ObjectType::event_set, 0, Selector{620});
    machine.make(builder, ObjectType::region, 2 * page_size, Selector{621});
    const CapItem regions[] = {one[0], {621, Rights::read | Rights::write, 0, 0}};
    CHECK(ask(builder, request, regions) == -XEN_EINVAL);
    const CapItem large[] = {{621, Rights::read | Rights::write, 0, 0}, {620, Rights::write, 0, 0}};
    CHECK(ask(builder, request, large) == -XEN_EINVAL);
    const CapItem read_only[] = {{ring.value, Rights::read, 0, 0}, {620, Rights::write, 0, 0}};
    CHECK(ask(builder, request, read_only) == -XEN_EINVAL);
    request.request.add_domain.domain = 65;
    const CapItem good[] = {one[0], {620, Rights::write, 0, 0}};
    CHECK(ask(builder, request, good) == -XEN_EINVAL);
    CHECK(machine.used_slots(console) == before);
    request.request.add_domain.domain = 2;
    CHECK(ask(builder, request, good) == 0);
    CHECK(ask(builder, request, good) == -XEN_EEXIST);
    CHECK(machine.used_slots(console) == before + 2);
}

TEST_CASE_METHOD(World, "removal drains, forgets and lets the domain come again", "[console]") {
    const std::uint32_t before = machine.used_slots(console);
    REQUIRE(add(builder, 2) == 0);
    CHECK(machine.used_slots(console) == before + 2);
    CHECK(log(monitor, "unfinished", true) == 0);
    device.sent.clear();
    const std::string last(2000, 'l');
    for (const char c : last) { // without a knock
        page().out[MASK_XENCONS_IDX(page().out_prod, page().out)] = c;
        page().out_prod += 1;
    }
    CHECK(simple(builder, bulkhead_ConsoleRequest_remove_domain_tag, 2) == 0);
    CHECK(device.sent == "\x1e"
                         "2" +
                             last +
                             "\x1e"
                             "0[web log] unfinished\n");
    CHECK(machine.used_slots(console) == before);
    CHECK(machine.pointer(console, ring_address(DomId{2})) == nullptr);
    machine.run_as(monitor, [&] { REQUIRE(sys::signal(knock) == Status::ok); }); // nobody's
    machine.give_sender(builder, sender, monitor, 7);
    CHECK(add(builder, 2) == 0);
}

TEST_CASE_METHOD(World, "a guest that closes its port, or goes mad, harms nobody", "[console]") {
    REQUIRE(add(builder, 2) == 0);
    machine.run_as(console, [&] { REQUIRE(sys::remove(sender_slot(DomId{2})) == Status::ok); });
    device.sent.clear();
    guest_says("still here");
    CHECK(device.sent == "\x1e"
                         "2still here");
    page().out_prod = 0x1234'5678;
    machine.run_as(monitor, [&] { REQUIRE(sys::signal(knock) == Status::ok); });
    CHECK(log(builder, "alive\n", false) == 0);
    CHECK(device.sent.ends_with("[domain] alive\n"));
}

TEST_CASE_METHOD(World, "a line that is slow, then dead, then back", "[console]") {
    REQUIRE(add(builder, 2) == 0);
    device.sends_at_once = false;
    for (int i = 0; i < 400; ++i) {
        CHECK(log(builder, "a line of some length, to fill what there is of room\n", false) == 0);
    }
    CHECK(service->lost_lines() > 0);
    CHECK(simple(builder, bulkhead_ConsoleRequest_flush_tag) == -XEN_EIO);
    CHECK(device.enabled == 0x03); // it waits for the transmitter
    std::size_t rounds = 0;
    while (!device.fifo.empty()) {
        device.tick(16);
        interrupt();
        REQUIRE(++rounds < 2000);
    }
    device.sent.clear();
    device.sends_at_once = true;
    CHECK(log(builder, "back\n", false) == 0);
    CHECK(device.sent == "[console] " + std::to_string(service->lost_lines()) + " lines lost so far\n[domain] back\n");
    CHECK(simple(builder, bulkhead_ConsoleRequest_flush_tag) == 0);
    CHECK_FALSE(device.overrun);
}

TEST_CASE_METHOD(World, "input for nobody is counted", "[console]") {
    device.type("\x1e"
                "9abc");
    interrupt();
    CHECK(device.sent.find("bytes of input dropped so far") != std::string::npos);
    CHECK(device.arriving.empty());
}
