// SPDX-License-Identifier: Apache-2.0
// See boot_memory.hpp. A small unordered table: boot allocates a few dozen times.
#include <arch/boot_memory.hpp>

#include <algorithm>

namespace bulkhead::kernel {

namespace {

constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t step) {
    return value & ~(step - 1);
}
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t step) {
    return round_down(value + step - 1, step);
}

/// The end of a range that firmware wrote, which may wrap, cut at `BootMemory::limit`.
constexpr std::uint64_t clipped_end(PhysRange range) {
    const bool wraps = range.end() < range.base.value;
    return wraps ? BootMemory::limit : std::min(range.end(), BootMemory::limit);
}

} // namespace

void BootMemory::insert(PhysRange range) {
    if (range.bytes != 0 && count_ < max_ranges) {
        ranges_[count_++] = range;
    }
}

void BootMemory::add(PhysRange range) {
    const std::uint64_t base = round_up(std::min(range.base.value, limit), page_size);
    const std::uint64_t end = round_down(clipped_end(range), page_size);
    if (base >= end) {
        return;
    }
    PhysRange merged{HostPhys{base}, end - base};
    remove(merged);
    // Neighbours become one range, so that a block may span two entries of the firmware's map.
    for (std::size_t i = 0; i < count_;) {
        const PhysRange other = ranges_[i];
        if (other.end() == merged.base.value || merged.end() == other.base.value) {
            merged = {std::min(merged.base, other.base), merged.bytes + other.bytes};
            ranges_[i] = ranges_[--count_];
        } else {
            ++i;
        }
    }
    insert(merged);
}

void BootMemory::remove(PhysRange range) {
    const std::uint64_t base = round_down(range.base.value, page_size);
    const std::uint64_t end = round_up(clipped_end(range), page_size);
    for (std::size_t i = 0; i < count_;) {
        const PhysRange old = ranges_[i];
        if (range.bytes == 0 || old.end() <= base || end <= old.base.value) {
            ++i;
            continue;
        }
        ranges_[i] = ranges_[--count_];
        if (old.base.value < base) {
            insert({old.base, base - old.base.value});
        }
        if (end < old.end()) {
            insert({HostPhys{end}, old.end() - end});
        }
    }
}

HostPhys BootMemory::allocate(std::uint64_t bytes, std::uint64_t alignment) {
    const std::uint64_t size = round_up(bytes, page_size);
    HostPhys best{0};
    for (const PhysRange& range : ranges()) {
        const std::uint64_t start = std::max(range.base.value, page_size); // address 0 means "none"
        const std::uint64_t base = round_up(start, std::max(alignment, page_size));
        const bool fits = size != 0 && base < range.end() && range.end() - base >= size;
        if (fits && (best == HostPhys{0} || base < best.value)) {
            best = HostPhys{base};
        }
    }
    if (best != HostPhys{0}) {
        remove({best, size});
    }
    return best;
}

bool BootMemory::contains(PhysRange range) const {
    return std::ranges::any_of(ranges(), [&](const PhysRange& free) {
        return free.base <= range.base && range.bytes <= free.bytes &&
               range.base.value - free.base.value <= free.bytes - range.bytes;
    });
}

std::uint64_t BootMemory::total() const {
    std::uint64_t sum = 0;
    for (const PhysRange& range : ranges()) {
        sum += range.bytes;
    }
    return sum;
}

} // namespace bulkhead::kernel
