// SPDX-License-Identifier: Apache-2.0
// Mapping other domains' pages into the guest, and unmapping them. The component decides and the kernel looks into the
// owner's table; here the guest's structures become messages, and the monitor's view of the guest's memory stays right.
// It must not know: what is offered.
#include "grant.hpp"

#include "ask.hpp"
#include "guest_ram.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::size_t at_once = sizeof(bulkhead_GrantMap::item) / sizeof(bulkhead_GrantMapItem);
static_assert(sizeof(bulkhead_GrantUnmap::item) / sizeof(bulkhead_GrantUnmapItem) == at_once);

/// `outcome` of item i, whatever the component has answered.
bulkhead_GrantOutcome outcome_of(const bulkhead_GrantReply& reply, std::size_t i) {
    if (reply.result == 0 && i < reply.outcome_count) {
        return reply.outcome[i];
    }
    return {GNTST_general_error, 0, false, false};
}

using MapRef = bulkhead_guest_GnttabMapGrantRef;
using UnmapRef = bulkhead_guest_GnttabUnmapGrantRef;

bulkhead_GrantMapItem item_for(const MapRef& op) {
    return {op.dom, op.ref, op.flags, op.host_addr};
}

/// Xen puts a mapping in the place of whatever is there; the kernel only into a hole. So what is there goes first.
bulkhead_GrantOutcome map_over(Call& call, const MapRef& op) {
    bulkhead_MemoryRequest make_room{};
    make_room.which_request = bulkhead_MemoryRequest_remove_from_physmap_tag;
    make_room.request.remove_from_physmap.gfn = op.host_addr >> page_shift;
    if (ask_memory(make_room).result != 0) {
        return {GNTST_general_error, 0, false, false};
    }
    lose_pages(call.d, Gfn{op.host_addr >> page_shift}, 1);
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_map_tag;
    request.request.map.item_count = 1;
    request.request.map.item[0] = item_for(op);
    return outcome_of(ask_grant(request), 0);
}

void map_some(Call& call, std::span<MapRef> ops) {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_map_tag;
    for (const MapRef& op : ops) {
        request.request.map.item[request.request.map.item_count++] = item_for(op);
    }
    const bulkhead_GrantReply reply = ask_grant(request);
    for (std::size_t i = 0; i < ops.size(); ++i) {
        MapRef& op = ops[i];
        const Gfn gfn{op.host_addr >> page_shift};
        bulkhead_GrantOutcome outcome = outcome_of(reply, i);
        if (outcome.occupied) {
            outcome = map_over(call, op);
        }
        op.status = outcome.status;
        if (outcome.status == GNTST_okay) {
            op.handle = outcome.handle;
            // A domain's bus addresses are its physical ones.
            op.dev_bus_addr = gfn.value << page_shift;
        }
    }
}

void unmap_some(std::span<UnmapRef> ops) {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_unmap_tag;
    for (const UnmapRef& op : ops) {
        request.request.unmap.item[request.request.unmap.item_count++] = {op.handle, op.host_addr, op.dev_bus_addr};
    }
    const bulkhead_GrantReply reply = ask_grant(request);
    for (std::size_t i = 0; i < ops.size(); ++i) {
        ops[i].status = outcome_of(reply, i).status;
    }
}

} // namespace

xen::Result grant_map(Call& call) {
    return in_batches<MapRef, at_once>(call, [&](std::span<MapRef> ops) { map_some(call, ops); });
}

xen::Result grant_unmap(Call& call) {
    return in_batches<UnmapRef, at_once>(call, unmap_some);
}

} // namespace bulkhead::vcpu
