// SPDX-License-Identifier: Apache-2.0
#include "world.hpp"

#include <console.pb.h>

/// The clerk's thread is stepped by tests; its first instruction is only an address here.
extern "C" void component_entry() {}

namespace bulkhead::root::test {
namespace {
World* the_world = nullptr;

template <typename Reply> MessageInfo answer() {
    Reply reply{};
    const auto length = encode(reply, sys::utcb().data);
    return {*length, 0};
}
} // namespace

World::World(const Bytes& image_bytes, std::vector<std::uint64_t> untypeds)
    : root{&machine.add_first_task(untypeds, image_bytes, exit_port)} {
    the_world = this;
    log_target().name = "root";
    log_target().instead = [](std::string_view line) { the_world->clerk.post(line); };
}

World::~World() {
    log_target() = {};
    the_world = nullptr;
}

bool World::bring_up() {
    bool good = false;
    machine.run_as(*root, [&] {
        const auto& boot = *static_cast<const BootInfo*>(sys::pointer(boot_info_address));
        pool = std::make_unique<MemoryPool>(Selector{boot_slot::first_untyped}, boot.untyped_count, boot.untyped_size,
                                            root_slot::system_memory, root_slot::memory_rest);
        image = std::make_unique<BootImage>(Selector{boot_slot::first_module}, boot.module_size[0],
                                            root_slot::image_piece, root_address::image_window);
        if (image->read_manifest(manifest) != BootImageError::none) {
            return;
        }
        launcher = std::make_unique<Launcher>(boot, *image, manifest, *pool);
        std::uint64_t bytes = own_object_bytes + Clerk::bytes();
        good = launcher->measure(bytes) && pool->reserve(bytes) == Status::ok &&
               make_own_objects(*pool) == Status::ok && clerk.prepare(*pool) == Status::ok &&
               launcher->build(1000, manifest.wall_clock_ns);
    });
    return good;
}

void World::start() {
    machine.run_as(*root, [&] {
        for (std::uint32_t p = 0; p < part_count; ++p) {
            REQUIRE(launcher->start(static_cast<Part>(p)));
            const Spawned& made = launcher->all()[p];
            parts_[p] = &machine.adopt(std::string{profiles[p].name}, *root, made.cap_space, made.address_space,
                                       made.thread, made.events);
        }
        REQUIRE(clerk.hire(Tsc{1'000'000'000'000'000}) == Status::ok);
        service = std::make_unique<Service>(clerk, ports,
                                            EndPolicy{manifest.exit_when_done, manifest.print_capabilities, exit_port});
        server = std::make_unique<Server<Service>>(*service, root_slot::receive_window);
        service->begin(launcher->all());
    });
    machine.serve(part(Part::console), [this](MessageInfo info) { return play_console(info); });
    machine.serve(part(Part::domain), [this](MessageInfo info) { return play_domain(info); });
    machine.serve(*root, *server);
}

MessageInfo World::play_console(MessageInfo info) {
    bulkhead_ConsoleRequest request{};
    REQUIRE(decode(std::span<const std::uint8_t>{sys::utcb().data, info.length}, request));
    if (request.which_request == bulkhead_ConsoleRequest_log_tag) {
        console_lines.emplace_back(request.request.log.text);
    } else if (request.which_request == bulkhead_ConsoleRequest_flush_tag) {
        ++flushes;
    }
    return answer<bulkhead_ConsoleReply>();
}

MessageInfo World::play_domain(MessageInfo info) {
    bulkhead_DomainRequest request{};
    REQUIRE(decode(std::span<const std::uint8_t>{sys::utcb().data, info.length}, request));
    prints += request.which_request == bulkhead_DomainRequest_print_capabilities_tag ? 1u : 0u;
    return answer<bulkhead_DomainReply>();
}

void World::settle() {
    // The clerk is a thread of its own, which shares root's spaces.
    static sim::Component* clerk_self = nullptr;
    clerk_self = &machine.adopt("clerk", *root, slot::cap_space, slot::address_space, root_slot::clerk_thread,
                                root_slot::clerk_events);
    for (bool worked = true; worked;) {
        machine.run_as(*clerk_self, [&] {
            worked = worker.work();
            if (worked) {
                REQUIRE(sys::signal(root_slot::own_bell) == Status::ok);
            }
        });
    }
}

std::string World::serial() const {
    std::string text;
    for (const auto& [port, value] : machine.port_writes()) {
        if (port == 0x3f8) {
            text += static_cast<char>(value);
        }
    }
    return text;
}

std::vector<std::uint32_t> World::exits() const {
    std::vector<std::uint32_t> values;
    for (const auto& [port, value] : machine.port_writes()) {
        if (port == exit_port) {
            values.push_back(value);
        }
    }
    return values;
}

bool World::logged(std::string_view text) const {
    for (const std::string& line : console_lines) {
        if (line.find(text) != std::string::npos) {
            return true;
        }
    }
    return serial().find(text) != std::string::npos;
}

} // namespace bulkhead::root::test
