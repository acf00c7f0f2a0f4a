// SPDX-License-Identifier: Apache-2.0
// Makes the system's components and gives each exactly what component_table.hpp says.
// It must not know: what components do, nor what happens after they run.
#pragma once

#include <bulkhead/boot_image_reader.hpp>
#include <bulkhead/spawn.hpp>

#include <domain.pb.h>
#include <manifest.pb.h>

#include "memory_pool.hpp"
#include "slots.hpp"

namespace bulkhead::root {

class Launcher {
public:
    Launcher(const BootInfo& boot, BootImage& image, const bulkhead_BootManifest& manifest, MemoryPool& pool)
        : boot_{boot}, image_{image}, manifest_{manifest}, pool_{pool} {}

    /// Checks the manifest's entries and adds the memory that `build` takes to the bytes of the system's piece that are
    /// in use before it. Says in the log what is wrong.
    [[nodiscard]] bool measure(std::uint64_t& bytes);
    /// Builds all components, wires them and hands memory out. None runs yet. Says in the log what is wrong if it
    /// fails.
    [[nodiscard]] bool build(std::uint64_t boot_tsc, std::uint64_t wall_clock_ns);
    [[nodiscard]] bool start(Part part);

    std::span<const Spawned> all() const { return spawned_; }
    const Spawned& spawned(Part part) const { return spawned_[static_cast<std::uint32_t>(part)]; }

private:
    bool find_entries();
    bool measure_part(Part part, std::uint64_t& bytes);
    bool reserve(Part part);
    bool spawn_part(Part part);
    bool plan_for(Part part, SpawnPlan& plan);
    std::uint32_t encode_start(Part part, std::span<std::uint8_t> bytes) const;
    [[nodiscard]] Status wire_calls();
    [[nodiscard]] Status wire_console();
    [[nodiscard]] Status wire_domain();
    [[nodiscard]] Status give_memory();

    const bulkhead_Component& entry(Part part) const { return *entries_[static_cast<std::uint32_t>(part)]; }
    /// What it gets for its own use.
    std::uint64_t own_memory(Part part) const { return profile(part).own_memory ? entry(part).memory_bytes : 0; }
    Selector space(Part part) const { return spawned(part).cap_space; }

    const BootInfo& boot_;
    BootImage& image_;
    const bulkhead_BootManifest& manifest_;
    MemoryPool& pool_;
    const bulkhead_Component* entries_[part_count]{};
    Spawned spawned_[part_count]{};
    std::uint64_t spawn_bytes_[part_count]{};
    std::uint64_t boot_tsc_{0};
    std::uint64_t wall_clock_ns_{0};
};

} // namespace bulkhead::root
