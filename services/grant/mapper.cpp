// SPDX-License-Identifier: Apache-2.0
#include "mapper.hpp"

#include <bulkhead/abi/offers.hpp>

namespace bulkhead::grant {

namespace {

// What the kernel reads are Xen's entries.
static_assert(offer::kind == GTF_type_mask && offer::access == GTF_permit_access && offer::read_only == GTF_readonly &&
              offer::reading == GTF_reading && offer::writing == GTF_writing);
static_assert(offer::entry_bytes == sizeof(grant_entry_v1_t) && offer::entries_per_page == entries_per_frame);
static_assert(offer::part == GTF_sub_page &&
              offer::words_per_entry(OfferFormat::version_2) * sizeof(std::uint64_t) == sizeof(grant_entry_v2_t) &&
              offsetof(grant_entry_v2_t, full_page.frame) == sizeof(std::uint64_t));

/// An entry that its owner writes all the time is "unstable", as in Xen.
constexpr int attempts = 5;
/// Guest frame numbers have 36 bits.
constexpr std::uint64_t address_limit = std::uint64_t{1} << (36 + page_shift);

constexpr std::int32_t to_gntst(Status status) {
    switch (status) {
    case Status::ok:
        return GNTST_okay;
    case Status::out_of_range:
        return GNTST_bad_gntref;
    case Status::not_mapped: // the owner has no page there
        return GNTST_bad_page;
    default: // not offered, or no room
        return GNTST_general_error;
    }
}

constexpr Outcome failed(std::int32_t status) {
    return {.status = status};
}

} // namespace

bool Mapper::add_domain(DomId domain) {
    const auto slots = sys::info(track_slot(domain));
    if (!slots || *slots <= first_handle_slot) {
        return false;
    }
    track_.add_domain(domain, static_cast<std::uint32_t>(*slots) - first_handle_slot);
    windows_[domain.value] = {};
    return true;
}

bool Mapper::is_open_elsewhere(DomId owner) const {
    for (std::uint32_t domain = 1; domain <= max_domains; ++domain) {
        const Window& window = windows_[domain];
        for (std::uint32_t place = 0; domain != owner.value && place < window.used; ++place) {
            if (window.owner[place] == owner.value) {
                return true;
            }
        }
    }
    return false;
}

void Mapper::remove_domain(DomId domain) {
    // Any of them may be gone already, with the domain's memory.
    for (const Selector each : {track_slot(domain), offers_slot(domain), stage2_slot(domain), monitor_slot(domain)}) {
        (void)sys::remove(each);
    }
    track_.remove_domain(domain);
    windows_[domain.value] = {};
}

Status Mapper::invoke(DomId owner, std::uint32_t ref, bool write, Selector space, Selector track, std::uint64_t address,
                      Selector slot) const {
    Status status = Status::busy;
    for (int i = 0; i < attempts && status == Status::busy; ++i) {
        status = sys::offers_map(offers_slot(owner), ref, write, space, track, address, slot);
    }
    return status;
}

Outcome Mapper::map(DomId caller, const MapRequest& request) {
    if ((request.flags & (GNTMAP_device_map | GNTMAP_host_map)) == 0) {
        return failed(GNTST_bad_gntref);
    }
    // Neither devices nor page-table entries: the caller's physical addresses are not the machine's.
    if ((request.flags & (GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte)) != 0) {
        return failed(GNTST_general_error);
    }
    const auto owner = tables_.named(request.owner);
    if (!owner) {
        return failed(GNTST_bad_domain);
    }
    const Gfn gfn{request.address >> page_shift};
    const bool reachable = request.address < address_limit;
    const auto handle = track_.add(caller, {reachable ? gfn : Gfn{}, request.ref & 0xffff, *owner});
    if (!handle) {
        return failed(GNTST_no_space);
    }
    Outcome outcome{.handle = *handle};
    if (!tables_.has_entry(*owner, request.ref)) {
        outcome.status = GNTST_bad_gntref;
    } else if (!reachable) {
        outcome.status = GNTST_general_error;
    } else {
        const Status status =
            invoke(*owner, request.ref, (request.flags & GNTMAP_readonly) == 0, stage2_slot(caller), track_slot(caller),
                   gfn.value << page_shift, Selector{first_handle_slot + *handle});
        outcome.status = to_gntst(status);
        outcome.occupied = status == Status::already_mapped;
    }
    if (outcome.status != GNTST_okay) {
        track_.remove(caller, *handle);
        outcome.handle = 0;
    }
    return outcome;
}

Outcome Mapper::check_unmap(DomId caller, const UnmapRequest& request) const {
    const auto mapping = track_.find(caller, request.handle);
    if (!mapping) {
        return failed(GNTST_bad_handle);
    }
    const std::uint64_t mapped_at = mapping->gfn.value << page_shift;
    if (request.bus_address != 0 && request.bus_address != mapped_at) {
        return failed(GNTST_general_error);
    }
    if (request.address != 0 && request.address >> page_shift != mapping->gfn.value) {
        return failed(GNTST_general_error);
    }
    return {.own = mapping->owner == caller};
}

Outcome Mapper::unmap(DomId caller, const UnmapRequest& request) {
    const Outcome outcome = check_unmap(caller, request);
    // Without an address there is nothing to undo: there are no device mappings.
    if (outcome.status == GNTST_okay && request.address != 0) {
        // Empty already if the owner has gone, and its pages with it.
        (void)sys::remove(Selector{first_handle_slot + request.handle}, track_slot(caller));
        track_.remove(caller, request.handle);
    }
    return outcome;
}

bool Mapper::is_mapped(DomId caller, std::uint64_t address) const {
    return address < address_limit && track_.has_at(caller, Gfn{address >> page_shift});
}

Outcome Mapper::open(DomId caller, std::uint32_t place, std::uint32_t owner_number, std::uint32_t ref, bool write) {
    const auto owner = tables_.named(owner_number);
    if (!owner) {
        return failed(GNTST_bad_domain);
    }
    if (place >= layout::grant_window_pages || !tables_.has_entry(*owner, ref)) {
        return failed(GNTST_bad_gntref);
    }
    const Status status = invoke(*owner, ref, write, monitor_slot(caller), track_slot(caller),
                                 layout::grant_window.value + place * page_size, Selector{first_window_slot + place});
    if (status == Status::ok) {
        Window& window = windows_[caller.value];
        window.owner[place] = static_cast<std::uint8_t>(owner->value);
        window.used = place + 1 > window.used ? place + 1 : window.used;
    }
    return failed(to_gntst(status));
}

void Mapper::close(DomId caller) {
    Window& window = windows_[caller.value];
    for (std::uint32_t place = 0; place < window.used; ++place) {
        if (window.owner[place] != 0) {
            (void)sys::remove(Selector{first_window_slot + place}, track_slot(caller)); // or gone with its owner
            window.owner[place] = 0;
        }
    }
    window.used = 0;
}

} // namespace bulkhead::grant
