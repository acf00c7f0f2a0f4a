// SPDX-License-Identifier: Apache-2.0
// Mapping other domains' pages into the guest, and unmapping them, so that the monitor's view of the guest's memory
// stays right. It must not know: what is offered.
#include "grant.hpp"

#include "ask.hpp"
#include "guest_ram.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::size_t at_once = 32;

using MapRef = bulkhead_guest_GnttabMapGrantRef;
using UnmapRef = bulkhead_guest_GnttabUnmapGrantRef;

/// Xen puts a mapping in the place of whatever is there; the kernel only into a hole. So what is there goes first.
bool make_room(Domain& d, Gfn gfn) {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_remove_from_physmap_tag;
    request.request.remove_from_physmap.gfn = gfn.value;
    if (ask_memory(request).result != 0) {
        return false;
    }
    lose_pages(d, gfn, 1);
    return true;
}

void map_one(Domain& d, MapRef& op) {
    const ForeignPages::MapRequest request{op.dom, op.ref, op.flags, op.host_addr};
    const Gfn gfn{op.host_addr >> page_shift};
    ForeignPages::Outcome outcome = d.foreign.map(request);
    if (outcome.occupied && make_room(d, gfn)) {
        outcome = d.foreign.map(request);
    }
    op.status = outcome.status;
    if (outcome.status == GNTST_okay) {
        op.handle = outcome.handle;
        // A domain's bus addresses are its physical ones.
        op.dev_bus_addr = gfn.value << page_shift;
    }
}

} // namespace

xen::Result grant_map(Call& call) {
    return in_batches<MapRef, at_once>(call, [&](std::span<MapRef> ops) {
        for (MapRef& op : ops) {
            map_one(call.d, op);
        }
    });
}

xen::Result grant_unmap(Call& call) {
    return in_batches<UnmapRef, at_once>(call, [&](std::span<UnmapRef> ops) {
        for (UnmapRef& op : ops) {
            op.status = call.d.foreign.unmap({op.handle, op.host_addr, op.dev_bus_addr}).status;
        }
    });
}

} // namespace bulkhead::vcpu
