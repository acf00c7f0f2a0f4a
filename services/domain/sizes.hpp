// SPDX-License-Identifier: Apache-2.0
// How much memory a domain's objects take: everything is made from one Untyped, asked for once, so the sum must be
// known before. Upper bounds; the object sizes are the kernel interface manual's. It must not know: how anything is
// made.
#pragma once

#include <cstdint>

#include <bulkhead/spawn.hpp>

#include "memory_plan.hpp"
#include "vcpu_threads.hpp"

namespace bulkhead::domain {

/// Most pages that a space can own (see `retype`).
inline constexpr std::uint64_t max_space_pages = 65536;
/// Slots for what a domain maps of others: slot 0, the monitor's window, and the guest's mappings.
inline constexpr std::uint32_t foreign_page_slots = 1 + layout::grant_window_pages + slot::max_foreign_pages;
/// Slots of the vault (see builder.hpp).
inline constexpr std::uint32_t vault_slots = 32 + slot::max_vcpus * sealed_per_vcpu;

namespace sizes {
inline constexpr std::uint64_t vcpu_bytes = 8 * page_size;
/// The frames and status frames, the Offers (its page, and half the table's size for pins), and the slots.
inline constexpr std::uint64_t grant_bytes = (max_grant_frames + max_grant_status_frames) * page_size +
                                             (1 + max_grant_frames / 2) * page_size +
                                             (foreign_page_slots * cap_slot_bytes + page_size);
/// shared_info, console ring, the vault, and page rounding of a few small objects.
inline constexpr std::uint64_t small_objects = 16 * page_size;

constexpr std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) {
    return (value + by - 1) / by;
}
constexpr std::uint64_t capped(std::uint64_t pages) {
    return pages < max_space_pages ? pages : max_space_pages;
}
constexpr std::uint64_t range_bytes(std::uint64_t bytes) {
    return divide_up(bytes, page_size) * page_size;
}
/// What it takes of an Untyped, wherever that has come to: whole large pages begin where one can.
constexpr std::uint64_t with_alignment(std::uint64_t bytes) {
    return bytes + (bytes % large_page_size == 0 ? large_page_size : 0);
}
} // namespace sizes

/// Stage 2: object and root, tables for RAM even when a guest makes the kernel split every large page of it, for the
/// special pages, and for 128 MiB of frames mapped above RAM (grants and the like). A guest that scatters mappings
/// beyond that runs into -ENOMEM, by itself.
constexpr std::uint64_t stage2_pages(const MemoryPlan& plan) {
    constexpr std::uint64_t fixed = 2 + 2 + 3; // object and root; upper tables; directories beyond RAM
    constexpr std::uint64_t above_ram = 64;
    const std::uint64_t directories = sizes::divide_up(plan.ram_end(), guest_layout::gib);
    const std::uint64_t leaves =
        sizes::divide_up(plan.low_bytes, large_page_size) + sizes::divide_up(plan.high_bytes, large_page_size) + 1;
    return sizes::capped(fixed + directories + leaves + above_ram);
}

/// The monitor's bits, one for each page of RAM (layout::hole_bits_address).
constexpr std::uint64_t hole_bytes(const MemoryPlan& plan) {
    const std::uint64_t pages = (plan.low_bytes + plan.high_bytes) / page_size;
    return sizes::range_bytes(sizes::divide_up(pages, 64) * 8);
}

/// The monitor's address space: its own mappings, and RAM by large pages but for the ends of its two ranges.
constexpr std::uint64_t monitor_pages(const MemoryPlan& plan) {
    constexpr std::uint64_t vcpu_state_and_shared_info = 4;
    constexpr std::uint64_t grant_table_and_window = 2;
    constexpr std::uint64_t window_ends = 2 + 2;
    const std::uint64_t holes = 2 + sizes::divide_up(hole_bytes(plan), large_page_size);
    return sizes::capped(spawn_table_pages + vcpu_thread_tables + vcpu_state_and_shared_info + grant_table_and_window +
                         window_ends + holes + sizes::divide_up(plan.ram_end(), guest_layout::gib));
}

/// All of a domain's memory but its RAM above 4 GiB, which is a loan of its own: few machines have all of it in one
/// piece. `monitor`: what the spawn takes.
constexpr std::uint64_t domain_bytes(const MemoryPlan& plan, std::uint32_t vcpus, std::uint64_t monitor) {
    return sizes::range_bytes(plan.low_bytes) + stage2_pages(plan) * page_size + monitor +
           sizes::range_bytes(sizes::grant_bytes) + sizes::with_alignment(hole_bytes(plan)) +
           vcpus * (sizes::vcpu_bytes + vcpu_thread_bytes) + sizes::range_bytes(vault_slots * cap_slot_bytes) +
           sizes::small_objects;
}

} // namespace bulkhead::domain
