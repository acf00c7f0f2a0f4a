// SPDX-License-Identifier: Apache-2.0
// A page-table tree, generic over the entry format and over how memory is reached, so that host tests can watch every
// store. Bounded steps; the caller loops, and flushes what a step says.
//
// Order of stores: a table is filled before it is linked, a large leaf is split into 512 equal small ones before one of
// them changes, and a leaf changes by one store. So at every moment each address translates to its old or its new
// mapping, never to anything else, and no table entry that a CPU may have cached ever changes: tables stay linked until
// the whole space dies.
//
// It must not know: capabilities, owners of frames, TLBs. The caller excludes other writers.
#pragma once

#include "page_format.hpp"

#include <bulkhead/abi/types.hpp>

#include <cstdint>

namespace bulkhead::kernel {

/// What to do where something is mapped already.
enum class Existing : std::uint8_t { refuse, replace };

/// Only leaves whose frame lies in the range are unmapped; the default is all.
struct FrameRange {
    HostPhys base{0};
    std::uint64_t bytes{~std::uint64_t{0}};

    constexpr bool contains(HostPhys frame) const {
        return frame.value >= base.value && frame.value - base.value < bytes;
    }
    /// [frame, frame + length) has a byte in common with the range.
    constexpr bool meets(HostPhys frame, std::uint64_t length) const {
        return contains(frame) || (base.value >= frame.value && base.value - frame.value < length && bytes != 0);
    }
};

/// Progress of one bounded step. Work remains while `status` is ok and `pages_done` is less than what was asked for.
struct TreeStep {
    std::uint64_t pages_done{0};
    Status status{Status::ok};
    bool flush{false}; ///< a translation that a CPU may have cached is gone or different, whatever `status` says
};

/// `Memory` has `static uint64_t load(HostPhys entry)` and `static void store(HostPhys entry, uint64_t value)`, each
/// one aligned 8-byte access in program order.
template <typename Format, typename Memory> class PageTree {
public:
    using Pool = BasicPagePool<Memory>;

    explicit PageTree(HostPhys root) : root_{root} {}

    /// Maps [input, input + pages * 4 KiB) to the frames from `frame` on; 2 MiB leaves where input, frame and the rest
    /// allow and no table is in the way. At most `budget` leaves. Fails with already_mapped (Existing::refuse) or
    /// out_of_memory at the first page it cannot do; `pages_done` pages before it are mapped.
    [[nodiscard]] TreeStep map(Pool& pool, std::uint64_t input, HostPhys frame, std::uint64_t pages, PageFlags flags,
                               Existing existing, std::uint32_t budget) {
        TreeStep step{.status = check(input, pages)};
        if (frame.value % page_size != 0) {
            step.status = Status::bad_argument;
        } else if (frame.value > Format::frame_end || pages > (Format::frame_end - frame.value) / page_size) {
            step.status = Status::out_of_range;
        }
        for (; step.status == Status::ok && step.pages_done < pages && budget > 0; --budget) {
            const std::uint64_t offset = step.pages_done * page_size;
            const HostPhys target{frame.value + offset};
            const bool large = fits_large(input + offset, target, pages - step.pages_done);
            map_one(pool, input + offset, target, large, flags, existing, step);
        }
        return step;
    }

    /// Clears the leaves of [input, input + pages * 4 KiB) whose frames lie in the filter. A leaf, or a hole of
    /// whatever size, costs one of `budget`. A 2 MiB leaf that goes only in part is split first; out_of_memory, and
    /// nothing done for it, if the pool has no page for that.
    [[nodiscard]] TreeStep unmap(Pool& pool, std::uint64_t input, std::uint64_t pages, FrameRange filter,
                                 std::uint32_t budget) {
        TreeStep step{.status = check(input, pages)};
        for (; step.status == Status::ok && step.pages_done < pages && budget > 0; --budget) {
            unmap_one(pool, input + step.pages_done * page_size, pages - step.pages_done, filter, step);
        }
        return step;
    }

    struct Leaf {
        HostPhys frame{0}; ///< of the whole leaf: the address of a byte is frame + input % bytes
        std::uint64_t bytes{0};
        PageFlags flags{};
        bool present{false};
    };
    Leaf lookup(std::uint64_t input) const {
        if (input >= Format::input_end) {
            return {};
        }
        const Place place = walk(input, 1);
        if (!Format::present(place.value)) {
            return {};
        }
        return {Format::frame(place.value), span(place.level), Format::flags(place.value), true};
    }

private:
    static constexpr std::uint64_t entries = page_size / sizeof(std::uint64_t);
    static constexpr std::uint32_t shift(std::uint32_t level) {
        return static_cast<std::uint32_t>(page_shift) + Format::index_bits * (level - 1);
    }
    static constexpr std::uint64_t span(std::uint32_t level) { return std::uint64_t{1} << shift(level); }

    static_assert(entries == std::uint64_t{1} << Format::index_bits, "a table is one page");
    static_assert(span(Format::large_level) == large_page_size);
    static_assert(Format::input_end <= span(Format::levels + 1), "the tree covers every input");
    static_assert(Format::input_end % page_size == 0);

    /// An entry on the path of an address.
    struct Place {
        HostPhys entry;
        std::uint64_t value;
        std::uint32_t level;
    };

    static Status check(std::uint64_t input, std::uint64_t pages) {
        if (input % page_size != 0) {
            return Status::bad_argument;
        }
        if (input > Format::input_end || pages > (Format::input_end - input) / page_size) {
            return Status::out_of_range;
        }
        return Status::ok;
    }
    static bool fits_large(std::uint64_t input, HostPhys frame, std::uint64_t pages) {
        return (input | frame.value) % large_page_size == 0 && pages >= large_page_size / page_size;
    }

    static Place place_in(HostPhys table, std::uint64_t input, std::uint32_t level) {
        const std::uint64_t index = (input >> shift(level)) & (entries - 1);
        const HostPhys entry{table.value + index * sizeof(std::uint64_t)};
        return {entry, Memory::load(entry), level};
    }
    /// The entry of `input` at level `target`, or the leaf or hole above it where the path ends.
    Place walk(std::uint64_t input, std::uint32_t target) const {
        Place place = place_in(root_, input, Format::levels);
        while (place.level > target && Format::present(place.value) && !Format::leaf(place.value, place.level)) {
            place = place_in(Format::frame(place.value), input, place.level - 1);
        }
        return place;
    }

    /// Puts a table under a hole (empty) or a large leaf (the same translation in 512 pieces): no address changes.
    [[nodiscard]] static bool grow(Pool& pool, Place& place) {
        const HostPhys table = pool.take();
        if (table.value == 0) {
            return false;
        }
        const bool split = Format::leaf(place.value, place.level);
        for (std::uint64_t i = 0; i < entries; ++i) {
            const HostPhys piece{Format::frame(place.value).value + i * span(place.level - 1)};
            Memory::store(HostPhys{table.value + i * sizeof(std::uint64_t)},
                          split ? Format::make_leaf(piece, Format::flags(place.value), place.level - 1) : 0);
        }
        place.value = Format::make_table(table);
        Memory::store(place.entry, place.value);
        return true;
    }

    void map_one(Pool& pool, std::uint64_t input, HostPhys frame, bool large, PageFlags flags, Existing existing,
                 TreeStep& step) {
        Place place = walk(input, 1);
        const auto at_leaf = [&] {
            return place.level == 1 ||
                   (large && place.level == Format::large_level); // walk() stops above level 1 at a leaf or hole only
        };
        if (Format::present(place.value) && existing == Existing::refuse) {
            step.status = Status::already_mapped;
            return;
        }
        while (!at_leaf()) {
            step.flush = step.flush || Format::present(place.value); // a large leaf may be cached: see the contract
            if (!grow(pool, place)) {
                step.status = Status::out_of_memory;
                return;
            }
            place = place_in(Format::frame(place.value), input, place.level - 1);
        }
        const std::uint64_t leaf = Format::make_leaf(frame, flags, place.level);
        step.flush = step.flush || (Format::present(place.value) && place.value != leaf);
        Memory::store(place.entry, leaf);
        step.pages_done += span(place.level) / page_size;
    }

    void unmap_one(Pool& pool, std::uint64_t input, std::uint64_t pages, FrameRange filter, TreeStep& step) {
        Place place = walk(input, 1);
        const std::uint64_t offset = input & (span(place.level) - 1);
        const std::uint64_t rest = (span(place.level) - offset) / page_size;
        const std::uint64_t covered = rest < pages ? rest : pages;
        const HostPhys frame{Format::frame(place.value).value + offset};
        if (!Format::present(place.value) || !filter.meets(frame, covered * page_size)) {
            step.pages_done += covered;
            return;
        }
        if (place.level > 1) {
            const std::uint64_t whole = span(place.level);
            const HostPhys last{frame.value + whole - page_size};
            if (covered * page_size < whole || !filter.contains(frame) || !filter.contains(last)) {
                if (!grow(pool, place)) {
                    step.status = Status::out_of_memory;
                    return;
                }
                step.flush = true; // of the split leaf; its pieces go in the steps that follow, flushed again
                return;
            }
        }
        Memory::store(place.entry, 0);
        step.flush = true;
        step.pages_done += covered;
    }

    HostPhys root_;
};

} // namespace bulkhead::kernel
