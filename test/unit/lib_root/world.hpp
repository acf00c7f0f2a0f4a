// SPDX-License-Identifier: Apache-2.0
// Root on the simulated machine, brought up as its main does it. The components that it makes are then played by the
// test.
#pragma once

#include <catch2/catch.hpp>

#include <bulkhead/log.hpp>

#include "boot_image_maker.hpp"
#include "launcher.hpp"
#include "own_objects.hpp"
#include "service.hpp"
#include "sim.hpp"

namespace bulkhead::root::test {

class World {
public:
    static constexpr std::uint32_t exit_port = 0xf4;

    explicit World(const Bytes& image_bytes = good_image().finish(),
                   std::vector<std::uint64_t> untypeds = {16u << 20, 4u << 20});
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    /// Manifest, own objects, components built; not started. False: the log says why.
    bool bring_up();
    /// Everything is started; console and domain are played by the test.
    void start();
    /// Runs as root until its clerk has nothing to do and root has seen that.
    void settle();

    sim::Component& part(Part which) { return *parts_[static_cast<std::uint32_t>(which)]; }
    std::string serial() const;
    /// Values written to the exit port.
    std::vector<std::uint32_t> exits() const;
    bool logged(std::string_view text) const;

    sim::Machine machine{80u << 20};
    sim::Component* root;
    Machine ports{Selector{boot_slot::io_ports}};
    ClerkDesk desk;
    Clerk clerk{desk, ports};
    ClerkWorker worker{desk, ports};
    bulkhead_BootManifest manifest{};
    std::unique_ptr<MemoryPool> pool;
    std::unique_ptr<BootImage> image;
    std::unique_ptr<Launcher> launcher;
    std::unique_ptr<Service> service;
    std::unique_ptr<Server<Service>> server;
    std::vector<std::string> console_lines; ///< what the console was asked to print
    std::uint32_t flushes{0};
    std::uint32_t prints{0}; ///< of monitors' capabilities, asked of domain
    bool console_plays{true};

private:
    MessageInfo play_console(MessageInfo request);
    MessageInfo play_domain(MessageInfo request);
    sim::Component* parts_[part_count]{};
};

} // namespace bulkhead::root::test
