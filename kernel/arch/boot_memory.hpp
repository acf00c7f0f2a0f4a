// SPDX-License-Identifier: Apache-2.0
// Physical memory while the kernel starts: which ranges are free, and the only allocator the kernel ever has. It ends
// with boot: what is left then becomes root's Untypeds. It must not know how memory is mapped: nothing is zeroed here.
#pragma once

#include <bulkhead/abi/types.hpp>

#include <cstddef>
#include <span>

namespace bulkhead::kernel {

struct PhysRange {
    HostPhys base;
    std::uint64_t bytes;

    constexpr std::uint64_t end() const { return base.value + bytes; }
};

class BootMemory {
public:
    static constexpr std::size_t max_ranges = 128;
    /// Ranges end here; what firmware reports above is ignored (the direct map's size).
    static constexpr std::uint64_t limit = std::uint64_t{1} << 46;

    /// Declares usable memory; whole pages of it. Overlaps with what is known already are harmless.
    void add(PhysRange range);
    /// Withdraws memory; every page it touches. A piece that no longer fits into the table is lost, never kept by
    /// mistake.
    void remove(PhysRange range);
    /// The lowest free block of that size; contents undefined. HostPhys{0} if there is none; page 0 is never given.
    /// `alignment`: a power of two.
    [[nodiscard]] HostPhys allocate(std::uint64_t bytes, std::uint64_t alignment = page_size);
    [[nodiscard]] bool contains(PhysRange range) const;
    [[nodiscard]] std::uint64_t total() const;
    /// What is free, in no particular order.
    [[nodiscard]] std::span<const PhysRange> ranges() const { return {ranges_, count_}; }

private:
    void insert(PhysRange range);

    PhysRange ranges_[max_ranges]{};
    std::size_t count_{0};
};

} // namespace bulkhead::kernel
