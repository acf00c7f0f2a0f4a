// SPDX-License-Identifier: Apache-2.0
// The whole component in the simulated machine, together with the real memory, grant and event components: domains are
// built out of real capabilities, and their ends leave nothing behind.
// REQ-DOMAIN-001 REQ-DOMAIN-002 REQ-DOMAIN-003 REQ-DOMAIN-004 REQ-DOMAIN-005 REQ-DOMAIN-006 REQ-COMP-002
// REQ-DOMAIN-001 REQ-DOMAIN-002 REQ-DOMAIN-003 REQ-DOMAIN-004
#include "domain_world.hpp"

using namespace bulkhead;
using namespace bulkhead::domain;
using namespace bulkhead::domain::test;
using bulkhead::test::ElfMaker;

TEST_CASE("a built domain has its memory, and its builder has not", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel());
    world.add_domain("two", World::good_kernel());
    const std::uint32_t used_before = world.machine.used_slots(world.domain);
    world.run();
    REQUIRE(logged_start("'one' started (d1, 4 MiB, 1 vcpu): "));
    REQUIRE(logged_start("'two' started (d2, 4 MiB, 1 vcpu): "));

    REQUIRE(world.guest(0x10'0000) != nullptr);
    CHECK(world.guest(0x10'0000)[0] == 0xf4);
    CHECK(world.guest(0x10'3000)[0] == 0x5a); // the ramdisk, right after the kernel
    CHECK(std::memcmp(world.guest(0xe0000), "RSD PTR ", 8) == 0);
    std::uint32_t magic = 0;
    std::memcpy(&magic, world.guest(0x8000), 4);
    CHECK(magic == XEN_HVM_START_MAGIC_VALUE);
    CHECK(world.guest(0xfefff000) != nullptr);
    CHECK(world.guest(4 * mib) == nullptr);

    // Sealed: per domain the builder keeps the monitor's thread and capability space, the bit for its faults, and a
    // handle without a right. The boot image is one more than before.
    CHECK(world.machine.used_slots(world.domain) == used_before + 1 + 2 * 4);
    const DomainSlots slots{DomId{1}};
    CHECK(world.machine.inspect(world.domain, slots.vault_handle()).type == ObjectType::cap_space);
    CHECK(world.machine.inspect(world.domain, slots.vault_handle()).rights == Rights::none);
    for (std::uint32_t i = 1; i < 8192; ++i) {
        const CapSummary held = world.machine.inspect(world.domain, Selector{i});
        CHECK((held.type != ObjectType::region || Selector{i} == slot::manifest));
        CHECK(held.type != ObjectType::untyped);
        CHECK(held.type != ObjectType::stage2);
        CHECK((held.type != ObjectType::address_space || Selector{i} == slot::address_space));
    }
}

TEST_CASE("a domain that powers off leaves nothing behind, and root hears of the last one", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel());
    world.run();
    const std::uint64_t lent = world.memory_service->lender().lent();
    REQUIRE(lent > 4 * mib);
    CHECK(world.report_end(SHUTDOWN_poweroff) == 0);
    CHECK(world.report_end(SHUTDOWN_crash) == -XEN_EBUSY); // once is enough
    CHECK(world.fake_root.told == 0);
    world.settle();
    CHECK(logged("'one' ended: poweroff -> destroy"));
    CHECK(logged("all domains ended"));
    CHECK(world.fake_root.told == 1);
    CHECK(world.fake_root.failures == 0);
    CHECK(world.memory_service->lender().lent() == 0);
    CHECK(world.fake_console.domains.empty());
    CHECK_FALSE(world.memory_service->physmap().has(DomId{1}));
    CHECK(world.machine.inspect(world.domain, DomainSlots{DomId{1}}.vault_handle()).type == ObjectType::null);
    CHECK(world.report_end(SHUTDOWN_poweroff) == -XEN_EBUSY);
}

TEST_CASE("a domain that reboots is built again from its images", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel());
    world.run();
    const std::uint64_t lent = world.memory_service->lender().lent();
    const std::uint32_t used = world.machine.used_slots(world.domain);
    for (std::uint32_t i = 1; i < Lifecycle::max_soon_ends; ++i) {
        const_cast<std::uint8_t*>(world.guest(0x10'0000))[0] = 0x90; // the guest spoils its kernel
        REQUIRE(world.report_end(SHUTDOWN_reboot) == 0);
        world.settle();
        REQUIRE(world.guest(0x10'0000)[0] == 0xf4);
        REQUIRE(world.memory_service->lender().lent() == lent);
        REQUIRE(world.machine.used_slots(world.domain) == used);
    }
    CHECK(logged("'one' ended: reboot -> restart"));
    CHECK(world.fake_root.told == 0);
    REQUIRE(world.report_end(SHUTDOWN_reboot) == 0);
    world.settle();
    CHECK(logged("'one' ended: reboot -> destroy"));
    CHECK(world.fake_root.failures == 1);
    CHECK(world.memory_service->lender().lent() == 0);
}

TEST_CASE("a crash is reported with its reason and kept if the policy says so", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel()).on_crash = bulkhead_Action_ACTION_PRESERVE;
    world.run();
    const std::uint64_t lent = world.memory_service->lender().lent();
    REQUIRE(world.report_end(SHUTDOWN_crash, "panic: no init\nfound") == 0);
    world.settle();
    CHECK(logged("'one' ended: crash (panic: no init?found) -> preserve"));
    CHECK(world.memory_service->lender().lent() == lent);
    CHECK(world.fake_root.told == 1);
    CHECK(world.fake_root.failures == 1);
}

TEST_CASE("what cannot be built is said, given back and counted", "[domain][service]") {
    World world;
    SECTION("no PVH kernel") {
        world.add_domain("bad", ElfMaker(true).load(0x10'0000, {1}, 16).make());
        world.run();
        CHECK(logged("'bad' cannot be built: kernel image: no PHYS32_ENTRY note: not a PVH kernel"));
    }
    SECTION("not an ELF file") {
        world.add_domain("bad", std::vector<std::uint8_t>(100, 0));
        world.run();
        CHECK(logged("'bad' cannot be built: kernel image: not an ELF file"));
    }
    SECTION("a blob outside the image") {
        world.add_domain("bad", World::good_kernel()).ramdisk.offset = 1 << 30;
        world.run();
        CHECK(logged("'bad' cannot be built: ramdisk: a piece lies outside the image"));
    }
    SECTION("more memory than there is") {
        world.add_domain("bad", World::good_kernel()).memory_bytes = 2 * World::lendable;
        world.run();
        CHECK(logged("'bad' cannot be built: memory: not enough memory (error -12)"));
    }
    SECTION("a neighbour that refuses late") {
        world.fake_console.refuse = -XEN_ENOSPC;
        world.add_domain("bad", World::good_kernel());
        world.run();
        CHECK(logged("'bad' cannot be built: registration with console: refused (error -28)"));
    }
    SECTION("a CPU that does not exist") {
        auto& config = world.add_domain("bad", World::good_kernel());
        config.cpus_count = 1;
        config.cpus[0] = 7;
        world.run();
        CHECK(logged("'bad' cannot be built: monitor: out_of_range"));
    }
    CHECK(world.memory_service->lender().lent() == 0);
    CHECK(world.fake_root.told == 1);
    CHECK(world.fake_root.failures == 1);
}

TEST_CASE("one domain that cannot be built does not keep the others from running", "[domain][service]") {
    World world;
    world.add_domain("bad", std::vector<std::uint8_t>(100, 0));
    world.add_domain("good", World::good_kernel());
    world.run();
    CHECK(logged_start("'good' started (d2, 4 MiB, 1 vcpu): "));
    CHECK(world.fake_root.told == 0);
}

TEST_CASE("only a domain's own monitor can end it, and only root may ask for the print-out", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel());
    world.run();
    bulkhead_DomainRequest request{};
    bulkhead_DomainReply reply{};
    request.which_request = bulkhead_DomainRequest_ended_tag;
    world.machine.run_as(world.root, [&] { REQUIRE(rpc(slot::domain, request, reply) == Status::ok); });
    CHECK(reply.result == -XEN_EPERM);
    request.which_request = bulkhead_DomainRequest_print_capabilities_tag;
    world.machine.run_as(world.monitor1, [&] { REQUIRE(rpc(slot::domain, request, reply) == Status::ok); });
    CHECK(reply.result == -XEN_EPERM);
    lines.clear();
    world.machine.run_as(world.root, [&] { REQUIRE(rpc(slot::domain, request, reply) == Status::ok); });
    CHECK(reply.result == 0);
    CHECK(logged("cap monitor:one     8 portal -w---- 101"));
    CHECK(logged("cap monitor:one  4096 event_set -w---- 1"));
    CHECK(logged("cap monitor:one    16 vcpu ---c-- -"));
    // Of memory the monitor holds its guest's RAM, as it is mapped in stage 2, and nothing else: that is in the vault.
    CHECK(logged("cap monitor:one    48 stage2 ----m- -"));
    CHECK(logged("cap monitor:one    49 region rwx--d -"));
    CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
              return line.find("monitor:one") != std::string::npos && line.find(" region ") != std::string::npos;
          }) == 1);
    CHECK(std::count_if(lines.begin(), lines.end(),
                        [](const std::string& line) { return line.find("vault:one") != std::string::npos; }) == 13);
}

TEST_CASE("a guest that has every large page of its RAM split does not run out of page tables", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel()).memory_bytes = 12 * mib;
    world.run();
    REQUIRE(logged_start("'one' started (d1, 12 MiB, 1 vcpu): "));
    world.machine.run_as(world.memory, [&] {
        for (std::uint64_t at = 0; at < 12 * mib; at += 2 * page_size) {
            REQUIRE(sys::stage2_unmap(memory::stage2_slot(DomId{1}), GuestPhys{at}, 1) == Status::ok);
        }
    });
    CHECK(world.guest(0) == nullptr);
    CHECK(world.guest(page_size) != nullptr);
    CHECK(world.guest(12 * mib - page_size) != nullptr);
}

TEST_CASE("a domain goes at once, and takes along what others map its pages by", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel());
    world.add_domain("two", World::good_kernel());
    world.run();
    sim::Component& monitor2 = world.machine.add("monitor of d2");
    world.machine.connect(monitor2, slot::grant, world.grant, monitor_of(DomId{2}));
    constexpr Selector got{700};
    const auto peer = [&] {
        bulkhead_GrantRequest request{};
        bulkhead_GrantReply reply{};
        request.which_request = bulkhead_GrantRequest_peer_tag;
        request.request.peer = {1, 8};
        std::uint32_t received = 0;
        world.machine.run_as(monitor2,
                             [&] { REQUIRE(rpc(slot::grant, request, reply, {}, got, 1, &received) == Status::ok); });
        CHECK(received == (reply.result == 0 ? 1u : 0u));
        return reply.result;
    };
    REQUIRE(peer() == 0);
    REQUIRE(world.machine.inspect(monitor2, got).type == ObjectType::offers);
    const std::uint64_t lent = world.memory_service->lender().lent();
    CHECK(world.report_end(SHUTDOWN_poweroff) == 0);
    world.machine.run_as(world.domain, [&] { world.service->on_timeout(); });
    world.machine.serve(world.domain, *world.server);
    CHECK(logged("'one' ended: poweroff -> destroy"));
    CHECK(world.memory_service->lender().lent() < lent);
    CHECK(world.machine.inspect(monitor2, got).type == ObjectType::null);
    CHECK(peer() == -XEN_ESRCH);
    CHECK(world.service->deadline() == Tsc{0});
}
