// SPDX-License-Identifier: Apache-2.0
// Makes a component: an address space filled from an ELF image, a capability space, a thread with its event set and
// portal. The spawner then puts further capabilities into it and starts it. Used by services/root for the system's
// components and by services/domain for monitors. It must not know: what the component does or may do beyond the slots
// that every component has.
#pragma once

#include <bulkhead/elf.hpp>
#include <bulkhead/sys.hpp>

namespace bulkhead {

struct SpawnPlan {
    ElfImage image;
    std::span<const std::uint8_t> start_message; ///< encoded; at most max_start_message bytes

    Selector untyped;    ///< everything is made from it; revoking it ends the component
    Selector first_slot; ///< spawn_slots empty slots of the spawner's space, in use for as long as the component lives
    UserVirt window; ///< where the spawner may map a piece of the component while it fills it; empty before and after

    std::uint32_t cap_slots;           ///< of the component's capability space
    std::uint32_t address_space_pages; ///< root and page tables; see `spawn_table_pages` for what this function needs
    bool with_portal{true};

    Rights thread_rights{Rights::none};                 ///< of the component on its own thread
    Rights event_rights{Rights::read | Rights::derive}; ///< of the component on its own event set

    Selector cpu_time;
    CpuId cpu;
    std::uint32_t priority;
    std::uint64_t budget_us;
    std::uint64_t period_us;

    Selector fault_events{no_selector}; ///< EventSet [write], badged: signalled when the component's thread faults
    std::uint64_t argument{0};          ///< of component_main
};

/// What the spawner holds afterwards, each with all rights, in the slots from `first_slot` on. The order is that of
/// making.
struct Spawned {
    Selector cap_space;
    Selector address_space;
    Selector thread;
    Selector events;
    Selector portal; ///< no_selector without one
};

/// Slots that a spawn may use: five objects, stack, start page, segments.
inline constexpr std::uint32_t max_loaded_segments = 8;
inline constexpr std::uint32_t spawn_slots = 5 + 2 + max_loaded_segments;
inline constexpr std::size_t max_start_message = page_size - sizeof(layout::StartHeader);
/// The largest program that is accepted: a component is small, and a hostile size must not reach arithmetic.
inline constexpr std::uint64_t max_component_bytes = 64ull << 20;
/// Address-space pages that a component's own mappings need: the object, the root, and the tables under four distant
/// places.
inline constexpr std::uint32_t spawn_table_pages = 16;

/// Memory of `untyped` that the spawn takes, at most. 0: the image is refused.
std::uint64_t spawn_bytes(const SpawnPlan& plan);

/// Builds the component; it does not run yet. On an error what was made stays in the slots: revoke the Untyped to be
/// rid of it. bad_argument: the image asks for memory that is writable and executable, outside the component's range,
/// or has no segment; or the message is too long.
[[nodiscard]] Status spawn(const SpawnPlan& plan, Spawned& spawned);

} // namespace bulkhead
