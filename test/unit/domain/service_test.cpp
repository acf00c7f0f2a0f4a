// SPDX-License-Identifier: Apache-2.0
// The whole component in the simulated machine, together with the real memory, grant and event components: domains are
// built out of real capabilities, and their ends leave nothing behind.
// REQ-DOMAIN-001 REQ-DOMAIN-002 REQ-DOMAIN-003 REQ-DOMAIN-004 REQ-DOMAIN-005 REQ-DOMAIN-006 REQ-COMP-002
// REQ-DOMAIN-001 REQ-DOMAIN-002 REQ-DOMAIN-003 REQ-DOMAIN-004
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <bulkhead/boot_image.hpp>
#include <bulkhead/log.hpp>
#include <bulkhead/rpc.hpp>
#include <event/service.hpp>
#include <grant/service.hpp>
#include <memory/service.hpp>
#include <sim.hpp>

#include <console.pb.h>

#include "elf_maker.hpp"
#include "neighbours.hpp"
#include "service.hpp"

using namespace bulkhead;
using namespace bulkhead::domain;
using test::ElfMaker;

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

std::vector<std::string> lines;
void keep_line(std::string_view line) {
    lines.emplace_back(line);
}
bool logged(const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
}

/// Takes what it is given, as services/console does, and forgets nobody by itself.
struct FakeConsole {
    using Request = bulkhead_ConsoleRequest;
    using Reply = bulkhead_ConsoleReply;
    std::int32_t refuse{0};
    std::vector<std::uint32_t> domains;

    void handle(const Request& request, Reply& reply, ClientId, CapsIn& in, CapsOut&) {
        if (request.which_request == bulkhead_ConsoleRequest_add_domain_tag) {
            const std::uint32_t id = request.request.add_domain.domain;
            REQUIRE(in.count() == 2);
            reply.result = refuse;
            if (refuse == 0) {
                REQUIRE(in.take(0, Selector{128 + id}) == Status::ok);
                REQUIRE(in.take(1, Selector{256 + id}) == Status::ok);
                domains.push_back(id);
            }
        } else if (request.which_request == bulkhead_ConsoleRequest_remove_domain_tag) {
            const std::uint32_t id = request.request.remove_domain.domain;
            const auto found = std::find(domains.begin(), domains.end(), id);
            reply.result = found == domains.end() ? -XEN_ESRCH : 0;
            if (found != domains.end()) {
                domains.erase(found);
                REQUIRE(sys::remove(Selector{128 + id}) == Status::ok);
                REQUIRE(sys::remove(Selector{256 + id}) == Status::ok);
            }
        }
    }
};

struct FakeRoot {
    using Request = bulkhead_RootRequest;
    using Reply = bulkhead_RootReply;
    int told{0};
    std::uint32_t failures{0};
    void handle(const Request& request, Reply&, ClientId who, CapsIn&, CapsOut&) {
        REQUIRE(who == ClientId::domain);
        ++told;
        failures = request.request.all_done.failures;
    }
};

/// The boot image: manifest page (not read here), then blobs.
class Blobs {
public:
    bulkhead_Blob add(const std::vector<std::uint8_t>& bytes) {
        const bulkhead_Blob blob{bytes_.size(), bytes.size()};
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        bytes_.resize((bytes_.size() + page_size - 1) / page_size * page_size);
        return blob;
    }
    const std::vector<std::uint8_t>& bytes() const { return bytes_; }

private:
    std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(page_size);
};

struct World {
    static constexpr std::uint64_t lendable = 32 * mib;

    sim::Machine machine{80 * mib};
    sim::Component& domain = machine.add("domain", 8192);
    sim::Component& memory = machine.add("memory");
    sim::Component& grant = machine.add("grant");
    sim::Component& event = machine.add("event");
    sim::Component& console = machine.add("console");
    sim::Component& root = machine.add("root");
    sim::Component& monitor1 = machine.add("monitor of d1");

    std::vector<std::uint64_t> bits = std::vector<std::uint64_t>(1024);
    std::vector<event::PortTable::Bucket> buckets =
        std::vector<event::PortTable::Bucket>(2048 / event::PortTable::bucket_ports * 8);
    std::unique_ptr<memory::Service> memory_service = std::make_unique<memory::Service>(bits, 4096);
    std::unique_ptr<grant::Service> grant_service = std::make_unique<grant::Service>();
    std::unique_ptr<event::Service> event_service = std::make_unique<event::Service>(buckets, 4096);
    FakeConsole fake_console;
    FakeRoot fake_root;
    Server<memory::Service> memory_server{*memory_service, memory::window};
    Server<grant::Service> grant_server{*grant_service, grant::window};
    Server<event::Service> event_server{*event_service, event::window};
    Server<FakeConsole> console_server{fake_console};
    Server<FakeRoot> root_server{fake_root};

    Blobs blobs;
    std::unique_ptr<bulkhead_BootManifest> manifest = std::make_unique<bulkhead_BootManifest>();
    Workshop workshop;
    std::unique_ptr<BootImage> kernels, ramdisks;
    std::unique_ptr<domain::Service> service;
    std::unique_ptr<Server<domain::Service>> server;

    World() {
        lines.clear();
        log_target().instead = keep_line;
        connect_all();
        machine.give_untyped(memory, lendable, slot::first_lendable);
        REQUIRE(memory_service->lender().add_source(slot::first_lendable, lendable));
        machine.serve(memory, memory_server);
        machine.serve(grant, grant_server);
        machine.serve(event, event_server);
        machine.serve(console, console_server);
        machine.serve(root, root_server);
        machine.give_range(domain, ObjectType::cpu_time, 1, max_priority, Rights::control, slot::cpu_time);
        manifest->exit_when_done = true;
        workshop.start.tsc_khz = 1'000'000;
    }
    ~World() { log_target().instead = nullptr; }

    void connect_all() {
        const struct {
            Selector slot, master;
            sim::Component& callee;
        } portals[] = {{slot::console, slot::master_console, console},
                       {slot::memory, slot::master_memory, memory},
                       {slot::grant, slot::master_grant, grant},
                       {slot::event, slot::master_event, event},
                       {slot::root, Selector{40}, root},
                       {Selector{41}, slot::master_domain, domain}};
        for (const auto& portal : portals) {
            machine.connect(domain, portal.slot, portal.callee, ClientId::domain);
            machine.connect_master(domain, portal.master, portal.callee);
        }
        machine.connect(memory, slot::grant, grant, ClientId::memory);
        machine.give_events(domain, slot::console_events, console, Rights::write | Rights::derive);
        machine.connect(monitor1, slot::domain, domain, monitor_of(DomId{1}));
        machine.connect(root, slot::domain, domain, ClientId::root);
    }

    static std::vector<std::uint8_t> good_kernel() {
        return ElfMaker(true).load(0x10'0000, {0xf4, 1, 2, 3}, 0x3000).entry_note(0x10'0000, 8).make();
    }
    bulkhead_Domain& add_domain(const char* name, const std::vector<std::uint8_t>& kernel) {
        bulkhead_Domain& config = manifest->domains[manifest->domains_count++];
        std::strcpy(config.name, name);
        std::strcpy(config.command_line, "console=hvc0");
        config.kernel = blobs.add(kernel);
        config.ramdisk = blobs.add(std::vector<std::uint8_t>(5000, 0x5a));
        config.memory_bytes = 4 * mib;
        config.vcpus = 1;
        config.on_reboot = bulkhead_Action_ACTION_RESTART;
        return config;
    }
    /// Packs what was added and starts everything.
    void run() {
        const bulkhead_Blob program = blobs.add(ElfMaker(true).program().load(0x40'0000, {0x0f, 0x0b}, 0x2000).make());
        machine.make(domain, ObjectType::region, blobs.bytes().size(), slot::manifest);
        const auto image = machine.memory_of(domain, slot::manifest);
        std::copy(blobs.bytes().begin(), blobs.bytes().end(), image.begin());
        const std::uint64_t bytes = blobs.bytes().size();
        kernels = std::make_unique<BootImage>(slot::manifest, bytes, kernel_piece, kernel_window);
        ramdisks = std::make_unique<BootImage>(slot::manifest, bytes, ramdisk_piece, ramdisk_window);
        REQUIRE(ElfImage::parse(image.subspan(program.offset, program.size), workshop.monitor) == ElfError::none);
        service = std::make_unique<domain::Service>(workshop, *manifest, *kernels, *ramdisks);
        server = std::make_unique<Server<domain::Service>>(*service, server_window);
        machine.run_as(domain, [&] { service->start_all(); });
        machine.serve(domain, *server);
    }
    std::int32_t report_end(std::uint32_t reason, const char* detail = "") {
        bulkhead_DomainRequest request{};
        bulkhead_DomainReply reply{};
        request.which_request = bulkhead_DomainRequest_ended_tag;
        request.request.ended.reason = reason;
        std::strcpy(request.request.ended.detail, detail);
        machine.run_as(monitor1, [&] { REQUIRE(rpc(slot::domain, request, reply) == Status::ok); });
        return reply.result;
    }
    /// The monitor has its answer; now the component does what follows.
    void settle() {
        REQUIRE(service->deadline() != Tsc{0});
        machine.run_as(domain, [&] { service->on_timeout(); });
        machine.serve(domain, *server); // it waits for requests again
        REQUIRE(service->deadline() == Tsc{0});
    }
    const std::uint8_t* guest(std::uint64_t address) {
        return static_cast<const std::uint8_t*>(
            machine.guest_pointer(memory, memory::stage2_slot(DomId{1}), GuestPhys{address}));
    }
};

} // namespace

TEST_CASE("a built domain has its memory, and its builder has not", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel());
    world.add_domain("two", World::good_kernel());
    const std::uint32_t used_before = world.machine.used_slots(world.domain);
    world.run();
    REQUIRE(logged("'one' started (d1, 4 MiB, 1 vcpu)"));
    REQUIRE(logged("'two' started (d2, 4 MiB, 1 vcpu)"));

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
    CHECK(logged("'good' started (d2, 4 MiB, 1 vcpu)"));
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
    REQUIRE(logged("'one' started (d1, 12 MiB, 1 vcpu)"));
    world.machine.run_as(world.memory, [&] {
        for (std::uint64_t at = 0; at < 12 * mib; at += 2 * page_size) {
            REQUIRE(sys::stage2_unmap(memory::stage2_slot(DomId{1}), GuestPhys{at}, 1) == Status::ok);
        }
    });
    CHECK(world.guest(0) == nullptr);
    CHECK(world.guest(page_size) != nullptr);
    CHECK(world.guest(12 * mib - page_size) != nullptr);
}

TEST_CASE("a domain goes when no other's monitor copies from its pages any more", "[domain][service]") {
    World world;
    world.add_domain("one", World::good_kernel());
    world.add_domain("two", World::good_kernel());
    world.run();
    sim::Component& monitor2 = world.machine.add("monitor of d2");
    world.machine.connect(monitor2, slot::grant, world.grant, monitor_of(DomId{2}));
    // Page 0x50 of domain 1, for domain 2, by an entry in the first frame of the table, which domain 1 has mapped.
    REQUIRE(world.memory_service->physmap().has(DomId{1}));
    bulkhead_MemoryRequest map{};
    bulkhead_MemoryReply mapped{};
    map.which_request = bulkhead_MemoryRequest_add_to_physmap_tag;
    map.request.add_to_physmap = {bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE, 0, 0x5000};
    world.machine.connect(world.monitor1, slot::memory, world.memory, monitor_of(DomId{1}));
    world.machine.run_as(world.monitor1, [&] { REQUIRE(rpc(slot::memory, map, mapped) == Status::ok); });
    REQUIRE(mapped.result == 0);
    const grant_entry_v1_t entry{GTF_permit_access, 2, 0x50};
    std::memcpy(const_cast<std::uint8_t*>(world.guest(0x5000 * page_size)) + 8 * sizeof entry, &entry, sizeof entry);
    const auto open = [&](pb_size_t count) {
        bulkhead_GrantRequest request{};
        bulkhead_GrantReply reply{};
        request.which_request = bulkhead_GrantRequest_open_tag;
        request.request.open.item_count = count;
        request.request.open.item[0] = {1, 8, false};
        world.machine.run_as(monitor2, [&] { REQUIRE(rpc(slot::grant, request, reply) == Status::ok); });
        REQUIRE(reply.outcome_count == count);
        CHECK((count == 0 || reply.outcome[0].status == GNTST_okay));
    };
    const auto later = [&] {
        while (Tsc{__builtin_ia32_rdtsc()} < world.service->deadline()) {
        }
        world.machine.run_as(world.domain, [&] { world.service->on_timeout(); });
        world.machine.serve(world.domain, *world.server);
    };
    open(1);
    const std::uint64_t lent = world.memory_service->lender().lent();
    CHECK(world.report_end(SHUTDOWN_poweroff) == 0);
    later();
    CHECK(logged("'one' ended: poweroff -> destroy"));
    CHECK(world.memory_service->lender().lent() == lent);
    SECTION("when it is done") {
        later();
        CHECK(world.memory_service->lender().lent() == lent);
        open(0);
        later();
    }
    SECTION("or too slow") {
        for (int i = 0; i < 101 && world.service->deadline() != Tsc{0}; ++i) {
            later();
        }
    }
    CHECK(world.service->deadline() == Tsc{0});
    CHECK(world.memory_service->lender().lent() < lent);
}
