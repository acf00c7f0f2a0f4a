// SPDX-License-Identifier: Apache-2.0
// The window over the guest's RAM, by guest-physical address: every access is checked against what the guest has there.
// The window shows all of the domain's RAM, always; what the guest has given back, and what it has elsewhere than where
// it began, is kept here. It must not know: guest-virtual addresses, page tables, what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>

#include <bulkhead/moved_pages.hpp>
#include <bulkhead/slots.hpp>

namespace bulkhead::vcpu {

constexpr Gfn gfn_of(GuestPhys address) {
    return Gfn{address.value >> page_shift};
}

class GuestMemory {
public:
    static constexpr std::uint32_t max_ranges = 2;
    /// Shared info and the frames of a grant table, with its status frames.
    static constexpr std::uint32_t max_overlays = 160;

    /// RAM that the monitor sees at `host`. False: unaligned, empty, wraps, overlaps, or one too many.
    [[nodiscard]] bool add_ram(GuestPhys first, std::uint64_t bytes, std::uint8_t* host);

    /// Says that stage 2 shows another page at that frame, and RAM, if there is any, is hidden behind it. `page` is
    /// where the monitor sees it; nullptr for a page that the monitor has no access to. Replaces an earlier overlay
    /// there. False: no room left, nothing changed.
    [[nodiscard]] bool set_overlay(Gfn gfn, std::uint8_t* page);
    void clear_overlay(Gfn gfn);
    bool has_room_for_overlay(Gfn gfn) const { return find_overlay(gfn) != nullptr || overlay_count_ < max_overlays; }

    /// A bit for each page of RAM, all clear, for the pages that are not there. For all RAM, after the last add_ram.
    void set_hole_bits(std::uint64_t* bits) {
        holes_ = bits;
        count_plain();
    }
    /// The guest has no RAM at that frame number any more.
    MovedPages::Removed take_away(Gfn gfn);
    /// It has there what began there.
    void put_back(Gfn gfn);
    /// It has there what began at `frame`. The run's number, or nothing: no room.
    [[nodiscard]] std::optional<std::uint32_t> put_elsewhere(Gfn gfn, Gfn frame, std::uint32_t pages) {
        ++changes_;
        const auto run = moved_.add(gfn, frame, pages);
        count_plain();
        return run;
    }
    /// Which range of RAM, in the order of add_ram, began at that frame number, and what of it follows from there.
    struct Place {
        std::uint32_t range;
        std::uint64_t page;  ///< in the range
        std::uint64_t pages; ///< to the range's end; 0: no RAM began there
        std::uint8_t* host;
    };
    Place place_of(Gfn frame) const;

    /// Where the page of an overlay lies; `nowhere` if it is not one.
    static constexpr Gfn nowhere{~std::uint64_t{0}};
    Gfn place_of_overlay(const std::uint8_t* page) const;

    /// How often what the guest has at some frame has changed.
    std::uint64_t changes() const { return changes_; }

    /// The page that the guest has at that frame, or nullptr.
    [[gnu::always_inline]] std::uint8_t* page(Gfn gfn) const {
        // Nearly always: RAM of the first range, where nothing lies over anything and nothing is moved.
        const Range& low = ranges_[0];
        const std::uint64_t index = gfn.value - (low.first >> page_shift);
        const bool covered = gfn.value - overlays_from_ < overlays_span_;
        const bool plain = index < plain_pages_ && !covered && ((holes_[index / 64] >> (index % 64)) & 1) == 0;
        return plain ? low.host + (index << page_shift) : special_page(gfn);
    }
    /// The same, but only RAM of the guest's own that nothing lies over: memory that stays where it is.
    std::uint8_t* own_page(Gfn gfn) const { return find_overlay(gfn) == nullptr ? page(gfn) : nullptr; }
    bool is_ram(GuestPhys address) const { return page(gfn_of(address)) != nullptr; }

    /// Where an object of `size` bytes lies that may not cross a page; nullptr if it does or nothing is there.
    std::uint8_t* in_page(GuestPhys address, std::size_t size) const;

    /// All or nothing: false, and nothing copied, if any byte of the range is not there.
    [[nodiscard]] bool read(GuestPhys address, void* to, std::size_t size) const;
    [[nodiscard]] bool write(GuestPhys address, const void* from, std::size_t size) const;

private:
    struct Range {
        std::uint64_t first, bytes;
        std::uint8_t* host;
    };
    struct Overlay {
        Gfn gfn;
        std::uint8_t* page;
    };

    /// The page's bit in holes_.
    std::uint64_t hole_bit(const Place& place) const {
        return (place.range == 0 ? 0 : ranges_[0].bytes >> page_shift) + place.page;
    }
    bool is_hole(const Place& place) const {
        const std::uint64_t bit = hole_bit(place);
        return holes_ != nullptr && ((holes_[bit / 64] >> (bit % 64)) & 1) != 0;
    }
    void count_plain() { plain_pages_ = holes_ != nullptr && moved_.runs() == 0 ? ranges_[0].bytes >> page_shift : 0; }
    const Overlay* find_overlay(Gfn gfn) const;
    void bound_overlays();
    std::uint8_t* special_page(Gfn gfn) const;
    static_assert(max_ranges == 2);
    bool covers(GuestPhys address, std::size_t size) const;

    Range ranges_[max_ranges]{};
    Overlay overlays_[max_overlays]{};
    std::uint64_t* holes_{nullptr};
    MovedPages moved_;
    std::uint32_t range_count_{0};
    std::uint32_t overlay_count_{0};
    std::uint64_t overlays_from_{0}, overlays_span_{0}; ///< all overlays lie in there
    std::uint64_t plain_pages_{
        0}; ///< of the first range: a page there is where it began, if its bit and no overlay says else
    std::uint64_t changes_{0};
};

/// Copies bytes that somebody else may change meanwhile. What was copied is what is used: without the barrier the
/// compiler might read the source again instead of the copy.
inline void copy_once(void* to, const void* from, std::size_t size) {
    __builtin_memcpy(to, from, size);
    asm volatile("" ::: "memory");
}

} // namespace bulkhead::vcpu
