// SPDX-License-Identifier: Apache-2.0
// The planner; see the header.
#include "memory_plan.hpp"

#include <iterator>

#include <bulkhead/xen.hpp>

namespace bulkhead::domain {
namespace {

namespace gl = guest_layout;

static_assert(static_cast<unsigned>(MemoryType::ram) == XEN_HVM_MEMMAP_TYPE_RAM);
static_assert(static_cast<unsigned>(MemoryType::reserved) == XEN_HVM_MEMMAP_TYPE_RESERVED);
static_assert(static_cast<unsigned>(MemoryType::acpi) == XEN_HVM_MEMMAP_TYPE_ACPI);

constexpr std::uint64_t page_align(std::uint64_t value) {
    return (value + page_size - 1) & ~(page_size - 1);
}

/// The ranges of low RAM that are taken. First fit; the list is short and its length bounds every search.
class Occupied {
public:
    void add(GuestRange range) { taken_[count_++] = range; }

    /// The lowest page-aligned place at or above `from`, wholly below `limit`; an empty range if there is none.
    GuestRange find(std::uint64_t size, std::uint64_t from, std::uint64_t limit) const {
        GuestRange candidate{page_align(from), 0};
        // Each round moves past one taken range and never back, so count_ + 1 rounds decide.
        for (std::uint32_t round = 0; round <= count_; ++round) {
            if (candidate.begin > limit || size > limit - candidate.begin) {
                return {};
            }
            candidate.end = candidate.begin + size;
            const GuestRange* obstacle = first_overlap(candidate);
            if (obstacle == nullptr) {
                return candidate;
            }
            candidate.begin = page_align(obstacle->end);
        }
        return {};
    }

private:
    static constexpr std::uint32_t capacity = PvhImage::max_segments + 4;

    const GuestRange* first_overlap(const GuestRange& range) const {
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (taken_[i].overlaps(range)) {
                return &taken_[i];
            }
        }
        return nullptr;
    }

    std::array<GuestRange, capacity> taken_{};
    std::uint32_t count_{0};
};

void add_entry(MemoryMap& map, GuestRange range, MemoryType type) {
    map.entry[map.count++] = {range, type};
}

MemoryMap build_map(std::uint64_t low_bytes, std::uint64_t high_bytes) {
    constexpr std::uint64_t special = gl::console_gfn.value << page_shift;
    MemoryMap map;
    add_entry(map, {0, gl::hole.begin}, MemoryType::ram);
    add_entry(map, {gl::hole.begin, gl::acpi.begin}, MemoryType::reserved);
    add_entry(map, gl::acpi, MemoryType::acpi);
    add_entry(map, {gl::acpi.end, gl::hole.end}, MemoryType::reserved);
    add_entry(map, {gl::hole.end, low_bytes}, MemoryType::ram);
    add_entry(map, {special, special + page_size}, MemoryType::reserved);
    if (high_bytes != 0) {
        add_entry(map, {gl::high_base, gl::high_base + high_bytes}, MemoryType::ram);
    }
    return map;
}

/// Sizes of the pieces of the start-of-day block, in their order; each begins 8-byte aligned.
StartBlock lay_out_start(std::uint64_t base, std::uint32_t map_entries, std::uint64_t command_line_bytes) {
    static_assert(sizeof(hvm_start_info) % 8 == 0 && sizeof(hvm_memmap_table_entry) % 8 == 0 &&
                  sizeof(hvm_modlist_entry) % 8 == 0);
    StartBlock block;
    block.start_info = GuestPhys{base};
    block.memory_map = GuestPhys{base + sizeof(hvm_start_info)};
    block.modules = GuestPhys{block.memory_map.value + map_entries * sizeof(hvm_memmap_table_entry)};
    block.command_line = GuestPhys{block.modules.value + sizeof(hvm_modlist_entry)};
    block.range = {base, block.command_line.value + command_line_bytes + 1};
    return block;
}

constexpr std::uint64_t min(std::uint64_t a, std::uint64_t b) {
    return a < b ? a : b;
}

} // namespace

std::string_view to_string(PlanError error) {
    constexpr std::string_view names[] = {
        "no error", "impossible memory size", "the kernel's segments do not lie in the domain's RAM",
        "no room for the start information below 37 MiB", "no room for the ramdisk below 1 GiB"};
    static_assert(std::size(names) == static_cast<std::size_t>(PlanError::count));
    return error < PlanError::count ? names[static_cast<std::size_t>(error)] : "unknown";
}

PlanError plan_memory(const PlanInput& input, const PvhImage& image, MemoryPlan& plan) {
    plan = {};
    if (input.memory_bytes % page_size != 0 || input.memory_bytes < gl::min_ram || input.memory_bytes > gl::max_ram) {
        return PlanError::bad_memory_size;
    }
    plan.low_bytes = min(input.memory_bytes, gl::low_limit);
    plan.high_bytes = input.memory_bytes - plan.low_bytes;
    plan.map = build_map(plan.low_bytes, plan.high_bytes);

    Occupied occupied;
    occupied.add({0, gl::first_usable});
    occupied.add(gl::hole);
    std::uint64_t kernel_end = gl::hole.end;
    for (const LoadSegment& segment : image.segments()) {
        const GuestRange range{segment.address.value, segment.end()};
        if (range.end > plan.low_bytes || range.overlaps(gl::hole)) {
            return PlanError::kernel_outside_ram;
        }
        occupied.add(range);
        kernel_end = range.end > kernel_end ? range.end : kernel_end;
    }

    const std::uint64_t start_bytes = lay_out_start(0, plan.map.count, input.command_line_bytes).range.size();
    const GuestRange start = occupied.find(start_bytes, gl::first_usable, min(gl::start_limit, plan.low_bytes));
    if (start.size() == 0) {
        return PlanError::no_room_for_start;
    }
    plan.start = lay_out_start(start.begin, plan.map.count, input.command_line_bytes);
    occupied.add(start);

    if (input.ramdisk_bytes != 0) {
        const std::uint64_t limit = min(gl::ramdisk_limit, plan.low_bytes);
        plan.ramdisk = occupied.find(input.ramdisk_bytes, kernel_end, limit);
        if (plan.ramdisk.size() == 0) {
            plan.ramdisk = occupied.find(input.ramdisk_bytes, gl::hole.end, limit);
        }
        if (plan.ramdisk.size() == 0) {
            return PlanError::no_room_for_ramdisk;
        }
    }
    return PlanError::none;
}

} // namespace bulkhead::domain
