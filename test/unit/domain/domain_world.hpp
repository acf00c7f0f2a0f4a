// SPDX-License-Identifier: Apache-2.0
// services/domain in the simulated machine, with the real memory, grant and event components, a console and a root that
// the test plays, and one domain's monitor. For its tests and for fuzzing.
#pragma once

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

namespace bulkhead::domain::test {

using bulkhead::test::ElfMaker;

inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;

inline std::vector<std::string> lines;
inline void keep_line(std::string_view line) {
    lines.emplace_back(line);
}
inline bool logged(const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
}
/// Whether that is how a line begins.
inline bool logged_start(const std::string& beginning) {
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return line.starts_with(beginning); });
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

} // namespace bulkhead::domain::test
