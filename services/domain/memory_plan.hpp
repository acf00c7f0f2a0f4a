// SPDX-License-Identifier: Apache-2.0
// Where everything goes in a guest's physical address space: RAM, the hole below 1 MiB, ACPI tables, the start-of-day
// block, the ramdisk, the special pages. Pure arithmetic on hostile sizes. It must not know: capabilities, nor who
// writes what it plans.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <bulkhead/slots.hpp>

#include "pvh_image.hpp"

namespace bulkhead::domain {

struct GuestRange {
    std::uint64_t begin{0};
    std::uint64_t end{0}; ///< one past the last byte

    constexpr std::uint64_t size() const { return end - begin; }
    constexpr bool overlaps(const GuestRange& other) const { return begin < other.end && other.begin < end; }
    constexpr bool operator==(const GuestRange&) const = default;
};

namespace guest_layout {
inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;
inline constexpr std::uint64_t gib = std::uint64_t{1} << 30;

/// RAM below 4 GiB is one Region from address 0; what does not fit below `low_limit` continues at `high_base`.
inline constexpr std::uint64_t low_limit = 3 * gib;
inline constexpr std::uint64_t high_base = 4 * gib;
inline constexpr std::uint64_t min_ram = 2 * mib;
inline constexpr std::uint64_t max_ram = 512 * gib;

/// 0xa0000-0xfffff is backed but not RAM to the guest: kernels reserve it whatever the map says. The ACPI tables use a
/// page of it, so that they cost no Region of their own.
inline constexpr GuestRange hole{0xa0000, 0x100000};
inline constexpr GuestRange acpi{0xe0000, 0xe1000};

/// Nothing of ours below: real-mode vectors, BIOS data area, a kernel's trampolines.
inline constexpr std::uint64_t first_usable = 0x8000;
/// The start-of-day block must lie below 37 MiB: the least that a supported kernel's first page tables map (32-bit
/// Linux: to its `_end` and a bit; 64-bit Linux maps 1 GiB). The ramdisk must lie below 1 GiB for the same reason.
inline constexpr std::uint64_t start_limit = 37 * mib;
inline constexpr std::uint64_t ramdisk_limit = gib;

/// The console ring, where Xen's toolstack puts it too.
inline constexpr Gfn console_gfn{0xfefff};
} // namespace guest_layout

/// What the guest's memory map says about a range; numbers of XEN_HVM_MEMMAP_TYPE_* (= E820).
enum class MemoryType : std::uint32_t { ram = 1, reserved = 2, acpi = 3 };

struct MemoryMapEntry {
    GuestRange range{};
    MemoryType type{MemoryType::reserved};
};

struct MemoryMap {
    static constexpr std::uint32_t max_entries = 8;
    std::array<MemoryMapEntry, max_entries> entry{};
    std::uint32_t count{0};

    std::span<const MemoryMapEntry> entries() const { return {entry.data(), count}; }
};

enum class PlanError : std::uint8_t {
    none,
    bad_memory_size,     ///< not whole pages, less than min_ram or more than max_ram
    kernel_outside_ram,  ///< a segment lies above RAM, in the hole below 1 MiB, or above low_limit
    no_room_for_start,   ///< no place below start_limit for the start-of-day block
    no_room_for_ramdisk, ///< no place below ramdisk_limit that the kernel leaves free
    count
};
std::string_view to_string(PlanError error);

/// Sizes that the plan depends on besides the kernel image.
struct PlanInput {
    std::uint64_t memory_bytes{0};
    std::uint64_t ramdisk_bytes{0};      ///< 0: none
    std::uint64_t command_line_bytes{0}; ///< without the terminating 0
};

/// Addresses inside the start-of-day block.
struct StartBlock {
    GuestRange range{};
    GuestPhys start_info{};
    GuestPhys memory_map{};
    GuestPhys modules{};
    GuestPhys command_line{};
};

struct MemoryPlan {
    std::uint64_t low_bytes{0};  ///< RAM Region at guest address 0
    std::uint64_t high_bytes{0}; ///< RAM Region at high_base, or 0
    MemoryMap map{};
    StartBlock start{};
    GuestRange ramdisk{}; ///< empty: none

    constexpr std::uint64_t ram_end() const {
        return high_bytes == 0 ? low_bytes : guest_layout::high_base + high_bytes;
    }
};

[[nodiscard]] PlanError plan_memory(const PlanInput& input, const PvhImage& image, MemoryPlan& plan);

} // namespace bulkhead::domain
