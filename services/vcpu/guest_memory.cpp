// SPDX-License-Identifier: Apache-2.0
// The window over the guest's RAM: ranges, what lies over them, and copies by guest-physical address.
// It must not know: guest-virtual addresses, page tables, what the bytes mean.
#include "guest_memory.hpp"

namespace bulkhead::vcpu {

namespace {

/// Bytes from `address` to the end of its page, at most `left`.
std::size_t piece(std::uint64_t address, std::size_t left) {
    const std::uint64_t to_end = page_size - (address & (page_size - 1));
    return left < to_end ? left : static_cast<std::size_t>(to_end);
}

} // namespace

bool GuestMemory::add_ram(GuestPhys first, std::uint64_t bytes, std::uint8_t* host) {
    if (range_count_ == max_ranges || bytes == 0 || ((first.value | bytes) & (page_size - 1)) != 0 ||
        first.value + bytes < first.value) {
        return false;
    }
    for (std::uint32_t i = 0; i < range_count_; ++i) {
        const Range& r = ranges_[i];
        if (first.value < r.first + r.bytes && r.first < first.value + bytes) {
            return false;
        }
    }
    ranges_[range_count_++] = {first.value, bytes, host};
    count_plain();
    return true;
}

const GuestMemory::Overlay* GuestMemory::find_overlay(Gfn gfn) const {
    for (std::uint32_t i = 0; i < overlay_count_; ++i) {
        if (overlays_[i].gfn == gfn) {
            return &overlays_[i];
        }
    }
    return nullptr;
}

bool GuestMemory::set_overlay(Gfn gfn, std::uint8_t* page) {
    ++changes_;
    clear_overlay(gfn);
    if (overlay_count_ == max_overlays) {
        return false;
    }
    overlays_[overlay_count_++] = {gfn, page};
    bound_overlays();
    return true;
}

void GuestMemory::bound_overlays() {
    std::uint64_t first = ~std::uint64_t{0};
    std::uint64_t last = 0;
    for (std::uint32_t i = 0; i < overlay_count_; ++i) {
        first = overlays_[i].gfn.value < first ? overlays_[i].gfn.value : first;
        last = overlays_[i].gfn.value > last ? overlays_[i].gfn.value : last;
    }
    overlays_from_ = first;
    overlays_span_ = overlay_count_ == 0 ? 0 : last - first + 1;
}

void GuestMemory::clear_overlay(Gfn gfn) {
    ++changes_;
    for (std::uint32_t i = 0; i < overlay_count_; ++i) {
        if (overlays_[i].gfn == gfn) {
            overlays_[i] = overlays_[--overlay_count_];
            bound_overlays();
            return;
        }
    }
}

GuestMemory::Place GuestMemory::place_of(Gfn frame) const {
    for (std::uint32_t i = 0; i < range_count_; ++i) {
        const Range& r = ranges_[i];
        const std::uint64_t index = frame.value - (r.first >> page_shift);
        const std::uint64_t pages = r.bytes >> page_shift;
        if (frame.value >= (r.first >> page_shift) && index < pages) {
            return {i, index, pages - index, r.host + (index << page_shift)};
        }
    }
    return {0, 0, 0, nullptr};
}

MovedPages::Removed GuestMemory::take_away(Gfn gfn) {
    ++changes_;
    const MovedPages::Removed moved = moved_.remove(gfn);
    count_plain();
    if (const Place place = place_of(gfn); !moved.found && place.pages != 0 && holes_ != nullptr) {
        const std::uint64_t bit = hole_bit(place);
        holes_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
    return moved;
}

void GuestMemory::put_back(Gfn gfn) {
    ++changes_;
    if (const Place place = place_of(gfn); place.pages != 0 && holes_ != nullptr) {
        const std::uint64_t bit = hole_bit(place);
        holes_[bit / 64] &= ~(std::uint64_t{1} << (bit % 64));
    }
}

Gfn GuestMemory::place_of_overlay(const std::uint8_t* page) const {
    for (std::uint32_t i = 0; i < overlay_count_; ++i) {
        if (overlays_[i].page == page) {
            return overlays_[i].gfn;
        }
    }
    return nowhere;
}

std::uint8_t* GuestMemory::special_page(Gfn gfn) const {
    if (const Overlay* over = find_overlay(gfn)) {
        return over->page;
    }
    if (const auto frame = moved_.frame_at(gfn)) {
        return place_of(*frame).host;
    }
    const Place place = place_of(gfn);
    return place.pages == 0 || is_hole(place) ? nullptr : place.host;
}

std::uint8_t* GuestMemory::in_page(GuestPhys address, std::size_t size) const {
    const std::uint64_t offset = address.value & (page_size - 1);
    if (size > page_size - offset) {
        return nullptr;
    }
    std::uint8_t* base = page(gfn_of(address));
    return base == nullptr ? nullptr : base + offset;
}

bool GuestMemory::covers(GuestPhys address, std::size_t size) const {
    if (address.value + size < address.value) {
        return false;
    }
    for (std::size_t done = 0; done < size; done += piece(address.value + done, size - done)) {
        if (page(gfn_of(GuestPhys{address.value + done})) == nullptr) {
            return false;
        }
    }
    return true;
}

bool GuestMemory::read(GuestPhys address, void* to, std::size_t size) const {
    if (!covers(address, size)) {
        return false;
    }
    auto* out = static_cast<std::uint8_t*>(to);
    for (std::size_t done = 0; done < size;) {
        const GuestPhys at{address.value + done};
        const std::size_t n = piece(at.value, size - done);
        copy_once(out + done, in_page(at, n), n);
        done += n;
    }
    return true;
}

bool GuestMemory::write(GuestPhys address, const void* from, std::size_t size) const {
    if (!covers(address, size)) {
        return false;
    }
    const auto* in = static_cast<const std::uint8_t*>(from);
    for (std::size_t done = 0; done < size;) {
        const GuestPhys at{address.value + done};
        const std::size_t n = piece(at.value, size - done);
        copy_once(in_page(at, n), in + done, n);
        done += n;
    }
    return true;
}

} // namespace bulkhead::vcpu
