// SPDX-License-Identifier: Apache-2.0
#include "foreign_pages.hpp"

#include <optional>

#include <bulkhead/abi/offers.hpp>

#include "hypercall/ask.hpp"

namespace bulkhead::vcpu {

namespace {

// What the kernel reads are Xen's entries.
static_assert(offer::kind == GTF_type_mask && offer::access == GTF_permit_access && offer::read_only == GTF_readonly &&
              offer::reading == GTF_reading && offer::writing == GTF_writing);
static_assert(offer::entry_bytes == sizeof(grant_entry_v1_t) && offer::part == GTF_sub_page &&
              offer::words_per_entry(OfferFormat::version_2) * sizeof(std::uint64_t) == sizeof(grant_entry_v2_t) &&
              offsetof(grant_entry_v2_t, full_page.frame) == sizeof(std::uint64_t));

/// An entry that its owner writes all the time is "unstable", as in Xen.
constexpr int attempts = 5;
/// Guest frame numbers have 36 bits.
constexpr std::uint64_t address_limit = std::uint64_t{1} << (36 + page_shift);

using Outcome = ForeignPages::Outcome;

constexpr Outcome failed(std::int32_t status) {
    return {.status = status};
}

Outcome to_outcome(Status status) {
    switch (status) {
    case Status::ok:
        return {};
    case Status::out_of_range:
        return failed(GNTST_bad_gntref);
    case Status::not_mapped: // the owner has no page there
        return failed(GNTST_bad_page);
    default: // not offered, or no room
        return {.status = GNTST_general_error, .occupied = status == Status::already_mapped};
    }
}

constexpr Selector offers_of(DomId owner) {
    return Selector{slot::offers_of_others.value + owner.value};
}

std::optional<DomId> number(std::uint32_t domain) {
    return domain != 0 && domain <= max_domains ? std::optional{DomId{static_cast<std::uint16_t>(domain)}}
                                                : std::nullopt;
}

/// Gets the owner's Offers, anew if it was there. GNTST_*: why there is no use in trying with it.
std::int32_t ask_for(DomId owner, std::uint32_t ref) {
    (void)sys::remove(offers_of(owner)); // it may be empty
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_peer_tag;
    request.request.peer = {owner.value, ref};
    std::uint32_t received = 0;
    const bulkhead_GrantReply reply = ask_grant(request, offers_of(owner), &received);
    if (reply.result != 0 || received == 0) {
        return reply.result == -XEN_ESRCH ? GNTST_bad_domain : GNTST_general_error;
    }
    return reply.status;
}

} // namespace

Outcome ForeignPages::lay(DomId owner, std::uint32_t ref, bool write, const Place& place) {
    const auto attempt = [&] {
        Status status = Status::busy;
        for (int i = 0; i < attempts && status == Status::busy; ++i) {
            status = sys::offers_map(offers_of(owner), ref, write, place.space, slot::foreign_pages, place.address,
                                     Selector{place.slot});
        }
        return status;
    };
    Status status = attempt();
    // No capability, or one of an earlier life of the owner: it may have another one. What is not offered may be beyond
    // the table's present end.
    if (status == Status::bad_selector || status == Status::bad_type || status == Status::aborted ||
        status == Status::no_right) {
        if (const std::int32_t wrong = ask_for(owner, ref); wrong != GNTST_okay) {
            return failed(wrong);
        }
        status = attempt();
    }
    return to_outcome(status);
}

Outcome ForeignPages::map(const MapRequest& request) {
    if ((request.flags & (GNTMAP_device_map | GNTMAP_host_map)) == 0) {
        return failed(GNTST_bad_gntref);
    }
    // Neither devices nor page-table entries: the guest's physical addresses are not the machine's.
    if ((request.flags & (GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte)) != 0) {
        return failed(GNTST_general_error);
    }
    const auto owner = number(request.owner);
    if (!owner) {
        return failed(GNTST_bad_domain);
    }
    const Gfn gfn{request.address >> page_shift};
    if (request.address >= address_limit) {
        const std::int32_t wrong = ask_for(*owner, request.ref); // who and what come first, as in Xen
        return failed(wrong != GNTST_okay ? wrong : GNTST_general_error);
    }
    const auto handle = track_.add({gfn, *owner});
    if (!handle) {
        return failed(GNTST_no_space);
    }
    Outcome outcome = lay(*owner, request.ref, (request.flags & GNTMAP_readonly) == 0,
                          {slot::offers_to_guest, gfn.value << page_shift, first_handle_slot + *handle});
    outcome.handle = *handle;
    if (outcome.status != GNTST_okay) {
        track_.remove(*handle);
    }
    return outcome;
}

Outcome ForeignPages::check_unmap(const UnmapRequest& request) const {
    const auto mapping = track_.find(request.handle);
    if (!mapping) {
        return failed(GNTST_bad_handle);
    }
    const std::uint64_t mapped_at = mapping->gfn.value << page_shift;
    if ((request.bus_address != 0 && request.bus_address != mapped_at) ||
        (request.address != 0 && request.address >> page_shift != mapping->gfn.value)) {
        return failed(GNTST_general_error);
    }
    return {.own = mapping->owner == self_};
}

Outcome ForeignPages::unmap(const UnmapRequest& request) {
    const Outcome outcome = check_unmap(request);
    // Without an address there is nothing to undo: there are no device mappings.
    if (outcome.status == GNTST_okay && request.address != 0) {
        // Empty already if the owner has gone, and its pages with it.
        (void)sys::remove(Selector{first_handle_slot + request.handle}, slot::foreign_pages);
        track_.remove(request.handle);
    }
    return outcome;
}

bool ForeignPages::is_mapped(std::uint64_t address) const {
    return address < address_limit && track_.has_at(Gfn{address >> page_shift});
}

std::int32_t ForeignPages::open(Side side, std::uint32_t owner, std::uint32_t ref) {
    const auto place = static_cast<std::uint32_t>(side);
    Window& window = windows_[place];
    if (window.open && window.owner == owner && window.ref == ref) {
        return GNTST_okay;
    }
    close(side);
    const auto domain = number(owner);
    if (!domain) {
        return GNTST_bad_domain;
    }
    const Outcome outcome =
        lay(*domain, ref, side == Side::dest,
            {slot::offers_to_monitor, layout::grant_window.value + place * page_size, first_window_slot + place});
    window = {outcome.status == GNTST_okay, owner, ref};
    return outcome.status;
}

void ForeignPages::close(Side side) {
    Window& window = windows_[static_cast<std::uint32_t>(side)];
    if (window.open) {
        // Empty already if the owner has gone.
        (void)sys::remove(Selector{first_window_slot + static_cast<std::uint32_t>(side)}, slot::foreign_pages);
        window.open = false;
    }
}

void ForeignPages::close() {
    close(Side::source);
    close(Side::dest);
}

} // namespace bulkhead::vcpu
