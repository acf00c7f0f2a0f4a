// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_memory_op (public/memory.h): what changes the guest's physical map is the memory component's, the monitor
// only keeps its own view of it right. It must not know: which frames are behind the guest's.
#include "argument.hpp"

#include <guest_memory.layout.hpp>

#include "ask.hpp"
#include "width.hpp"

namespace bulkhead::vcpu {

namespace {

using MemoryRequest = bulkhead_MemoryRequest;

constexpr std::uint64_t max_extents = 0xffff'ffffu >> 6; // as many as Xen's own interface takes
constexpr std::uint32_t extents_per_message =
    sizeof(bulkhead_MemoryDecreaseReservation::gfn) / sizeof(bulkhead_MemoryDecreaseReservation::gfn[0]);
static_assert(sizeof(bulkhead_MemoryPopulate::gfn) == sizeof(bulkhead_MemoryDecreaseReservation::gfn));

/// Forgets that something lies over the guest's RAM at that frame.
void uncover(Domain& d, Gfn gfn) {
    d.memory.clear_overlay(gfn);
    if (d.shared_mapped && d.shared_gfn == gfn) {
        d.shared_mapped = false;
    }
}

/// `messages`' result, and the monitor's view brought up to date: shared_info has one place, the frames of grant tables
/// the monitor cannot see.
xen::Result map_special(Domain& d, const bulkhead_MemoryAddToPhysmap& what) {
    const Gfn gfn{what.gfn};
    if (!d.memory.has_room_for_overlay(gfn)) {
        return -XEN_ENOMEM;
    }
    MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_add_to_physmap_tag;
    request.request.add_to_physmap = what;
    const xen::Result result = ask_memory(request).result;
    if (result != 0) {
        return result;
    }
    uncover(d, gfn);
    std::uint8_t* page = nullptr;
    if (what.space == bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO) {
        if (d.shared_mapped) {
            d.memory.clear_overlay(d.shared_gfn);
        }
        d.shared_gfn = gfn;
        d.shared_mapped = true;
        void* shared = d.shared;
        page = static_cast<std::uint8_t*>(shared);
    }
    return d.memory.set_overlay(gfn, page) ? 0 : -XEN_ENOMEM;
}

xen::Result add_to_physmap(Call& call) {
    return with_input<bulkhead_guest_AddToPhysmap>(
        call, call.arg[1], [&](const bulkhead_guest_AddToPhysmap& add) -> xen::Result {
            bulkhead_MemoryAddToPhysmap what{};
            what.index = add.idx;
            what.gfn = add.gpfn;
            switch (add.space) {
            case XENMAPSPACE_shared_info:
                what.space = bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO;
                break;
            case XENMAPSPACE_grant_table:
                what.space = (add.idx & XENMAPIDX_grant_table_status) != 0 ? bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS
                                                                           : bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE;
                what.index &= ~std::uint64_t{XENMAPIDX_grant_table_status};
                break;
            case XENMAPSPACE_gmfn:
            case XENMAPSPACE_gmfn_range:
            case XENMAPSPACE_gmfn_foreign:
                return -XEN_ENOSYS;
            default:
                return -XEN_EINVAL;
            }
            if (const xen::Result wrong = own_domain_only(call, add.domid); wrong != 0) {
                return wrong;
            }
            const xen::Result result = map_special(call.d, what);
            if (result == 0 && add.space == XENMAPSPACE_shared_info) {
                latch_width(call.d, call.v);
            }
            return result;
        });
}

xen::Result remove_from_physmap(Call& call) {
    return with_input<bulkhead_guest_RemoveFromPhysmap>(
        call, call.arg[1], [&](const bulkhead_guest_RemoveFromPhysmap& remove) -> xen::Result {
            if (const xen::Result wrong = own_domain_only(call, remove.domid); wrong != 0) {
                return wrong;
            }
            MemoryRequest request{};
            request.which_request = bulkhead_MemoryRequest_remove_from_physmap_tag;
            request.request.remove_from_physmap.gfn = remove.gpfn;
            const xen::Result result = ask_memory(request).result;
            if (result == 0) {
                uncover(call.d, Gfn{remove.gpfn});
            }
            return result;
        });
}

/// The request for `count` extents of which the frame numbers are in `gfn`.
MemoryRequest extents_request(bool decrease, const std::uint64_t* gfn, std::uint32_t count, std::uint32_t order) {
    MemoryRequest request{};
    std::uint64_t* to = nullptr;
    if (decrease) {
        request.which_request = bulkhead_MemoryRequest_decrease_reservation_tag;
        bulkhead_MemoryDecreaseReservation& r = request.request.decrease_reservation;
        r.gfn_count = static_cast<pb_size_t>(count);
        r.order = order;
        to = r.gfn;
    } else {
        request.which_request = bulkhead_MemoryRequest_populate_tag;
        bulkhead_MemoryPopulate& r = request.request.populate;
        r.gfn_count = static_cast<pb_size_t>(count);
        r.order = order;
        to = r.gfn;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        to[i] = gfn[i];
    }
    return request;
}

/// As the header has it, these two return how many extents were done, whatever kept them from doing more.
xen::Result change_reservation(Call& call, bool decrease) {
    bulkhead_guest_MemoryReservation reservation;
    if (!read_argument(call, call.arg[1], reservation) || reservation.nr_extents > max_extents ||
        own_domain_only(call, reservation.domid) != 0) {
        return 0;
    }
    std::uint64_t done = 0;
    while (done < reservation.nr_extents) {
        const std::uint64_t left = reservation.nr_extents - done;
        const auto count = static_cast<std::uint32_t>(left < extents_per_message ? left : extents_per_message);
        std::uint64_t gfn[extents_per_message];
        if (!read_words(call, reservation.extent_start, done, {gfn, count})) {
            break;
        }
        const bulkhead_MemoryReply reply = ask_memory(extents_request(decrease, gfn, count, reservation.extent_order));
        const std::uint64_t now = reply.result != 0 || reply.value > count ? 0 : reply.value;
        if (reservation.extent_order == 0) {
            for (std::uint64_t i = 0; i < now; ++i) {
                uncover(call.d, Gfn{gfn[i]});
            }
        }
        done += now;
        if (now != count) {
            break;
        }
    }
    return static_cast<xen::Result>(done);
}

xen::Result decrease_reservation(Call& call) {
    return change_reservation(call, true);
}
xen::Result populate_physmap(Call& call) {
    return change_reservation(call, false);
}

xen::Result query(bulkhead_MemoryQuery_What what) {
    MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_query_tag;
    request.request.query.what = what;
    const bulkhead_MemoryReply reply = ask_memory(request);
    return reply.result != 0 ? reply.result : static_cast<xen::Result>(reply.value);
}

xen::Result query_own(Call& call, bulkhead_MemoryQuery_What what) {
    return with_input<bulkhead_guest_MemoryDomain>(call, call.arg[1],
                                                   [&](const bulkhead_guest_MemoryDomain& asked) -> xen::Result {
                                                       const xen::Result wrong = own_domain_only(call, asked.domid);
                                                       return wrong != 0 ? wrong : query(what);
                                                   });
}
xen::Result current_reservation(Call& call) {
    return query_own(call, bulkhead_MemoryQuery_What_CURRENT_RESERVATION);
}
xen::Result maximum_reservation(Call& call) {
    return query_own(call, bulkhead_MemoryQuery_What_MAXIMUM_RESERVATION);
}
xen::Result maximum_gpfn(Call& call) {
    return query_own(call, bulkhead_MemoryQuery_What_MAXIMUM_GFN);
}
xen::Result maximum_ram_page(Call&) {
    return query(bulkhead_MemoryQuery_What_MAXIMUM_RAM_PAGE);
}

xen::Result memory_map(Call& call) {
    return with_in_out<bulkhead_guest_MemoryMap>(call, call.arg[1], [&](bulkhead_guest_MemoryMap& map) -> xen::Result {
        map.nr_entries = map.nr_entries < call.d.e820_count ? map.nr_entries : call.d.e820_count;
        const std::uint64_t bytes = map.nr_entries * sizeof(E820Entry);
        return addressable(call.wide, map.buffer, bytes) && call.access.write(map.buffer, call.d.e820, bytes)
                   ? 0
                   : -XEN_EFAULT;
    });
}

constexpr Operation operations[] = {
    {XENMEM_add_to_physmap, add_to_physmap},
    {XENMEM_remove_from_physmap, remove_from_physmap},
    {XENMEM_decrease_reservation, decrease_reservation},
    {XENMEM_populate_physmap, populate_physmap},
    {XENMEM_maximum_ram_page, maximum_ram_page},
    {XENMEM_current_reservation, current_reservation},
    {XENMEM_maximum_reservation, maximum_reservation},
    {XENMEM_maximum_gpfn, maximum_gpfn},
    {XENMEM_memory_map, memory_map},
    {XENMEM_machine_memory_map, not_permitted},
    {XENMEM_set_memory_map, not_permitted},
};

} // namespace

/// The whole of the operation number counts: nothing hides in its upper bits.
xen::Result memory_op(Call& call) {
    return run_operation(call, call.arg[0], operations);
}

} // namespace bulkhead::vcpu
