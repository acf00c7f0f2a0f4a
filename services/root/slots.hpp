// SPDX-License-Identifier: Apache-2.0
// Where root keeps what it makes, in its own capability space behind what the kernel put there, and in its address
// space. It must not know: anything but numbers.
#pragma once

#include <bulkhead/spawn.hpp>

#include "component_table.hpp"

namespace bulkhead::root {

namespace root_slot {
inline constexpr Selector events{boot_slot::first_free};
inline constexpr Selector portal{boot_slot::first_free + 1};
inline constexpr Selector scratch{boot_slot::first_free + 2};
inline constexpr Selector image_piece{boot_slot::first_free + 3};
inline constexpr Selector system_memory{boot_slot::first_free + 4};
inline constexpr Selector memory_rest{boot_slot::first_free + 5};

inline constexpr Selector clerk_thread{boot_slot::first_free + 8};
inline constexpr Selector clerk_events{boot_slot::first_free + 9};
inline constexpr Selector clerk_stack{boot_slot::first_free + 10};
inline constexpr Selector clerk_bell{boot_slot::first_free + 11}; ///< wakes the clerk
inline constexpr Selector own_bell{boot_slot::first_free + 12};   ///< the clerk wakes root
inline constexpr Selector console{boot_slot::first_free + 13};    ///< portals with root's badge
inline constexpr Selector domain{boot_slot::first_free + 14};

inline constexpr Selector receive_window{boot_slot::first_free + 16};

/// Of each component: the memory that it is made of, its own memory on the way to it, then what spawn makes.
inline constexpr std::uint32_t first_part = 128;
inline constexpr std::uint32_t slots_per_part = 32;
static_assert(2 + spawn_slots <= slots_per_part);
constexpr Selector part(Part which, std::uint32_t offset) {
    return Selector{first_part + static_cast<std::uint32_t>(which) * slots_per_part + offset};
}
constexpr Selector part_untyped(Part which) {
    return part(which, 0);
}
constexpr Selector part_memory(Part which) {
    return part(which, 1);
}
constexpr Selector part_spawned(Part which) {
    return part(which, 2);
}
} // namespace root_slot

/// Bits of root's event set.
namespace root_event {
inline constexpr std::uint32_t first_part_fault = 0; ///< of part p: first_part_fault + p
inline constexpr std::uint32_t clerk = 32;
inline constexpr std::uint32_t clerk_fault = 33;
static_assert(first_part_fault + part_count <= clerk);
} // namespace root_event

/// Below the kernel's priority for root (60): what a component does with the clerk's time cannot hold root up. Above
/// everything that the manifest may give.
inline constexpr std::uint32_t clerk_priority = 56;
inline constexpr std::uint32_t max_component_priority = 55;

/// What the clerk's thread starts with; root's own starts with the address of its BootInfo.
inline constexpr std::uint64_t clerk_argument = 0;

/// Places in root's address space.
namespace root_address {
inline constexpr UserVirt clerk_utcb = layout::of_thread(layout::utcb_address, 1);
inline constexpr UserVirt clerk_event_page = layout::of_thread(layout::event_page_address, 1);
inline constexpr UserVirt clerk_stack_top = layout::of_thread(layout::stack_top, 1);
inline constexpr std::uint64_t clerk_stack_bytes = 32 * 1024;
inline constexpr UserVirt image_window{0x2000'0000'0000};
inline constexpr UserVirt spawn_window{0x2100'0000'0000};
} // namespace root_address

} // namespace bulkhead::root
