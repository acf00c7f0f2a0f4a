// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_unmap_and_replace: a page of the guest's own takes the place of a mapped one, and its own place is a hole
// then. The RAM moves first, over the mapping, and the mapping is given up after that: so the place is never empty.
// It must not know: whose the mapped page is.
#include "grant.hpp"

#include "ask.hpp"
#include "move_page.hpp"

namespace bulkhead::vcpu {

namespace {

using Replace = bulkhead_guest_GnttabUnmapAndReplace;
constexpr std::size_t at_once = 8; ///< several questions each

bulkhead_GrantOutcome ask_unmap(const Replace& op, bool check) {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_unmap_tag;
    request.request.unmap.item_count = 1;
    request.request.unmap.item[0] = {op.handle, op.host_addr, 0};
    request.request.unmap.check = check;
    const bulkhead_GrantReply reply = ask_grant(request);
    return reply.result == 0 && reply.outcome_count == 1 ? reply.outcome[0]
                                                         : bulkhead_GrantOutcome{GNTST_general_error, 0, false, false};
}

/// Why the page under new_addr cannot move.
std::int32_t to_gntst(xen::Result result) {
    switch (result) {
    case -XEN_EINVAL: // it is no page of the guest's own
        return GNTST_bad_virt_addr;
    case -XEN_ENOMEM:
        return GNTST_no_space;
    default:
        return GNTST_general_error;
    }
}

std::int32_t replace_one(Domain& d, const Replace& op) {
    if (op.host_addr == 0 || op.new_addr == 0) {
        return ask_unmap(op, false).status; // nothing to put there, or nowhere
    }
    const bulkhead_GrantOutcome mapped = ask_unmap(op, true);
    if (mapped.status != GNTST_okay) {
        return mapped.status;
    }
    const Gfn place{op.host_addr >> page_shift};
    if (const xen::Result result = move_page(d, Gfn{op.new_addr >> page_shift}, place); result != 0) {
        return to_gntst(result);
    }
    const std::int32_t status = ask_unmap(op, false).status;
    if (mapped.own) {
        map_anew(d, place); // it may be the very page that was mapped there, and unmapped with that
    }
    return status;
}

} // namespace

xen::Result grant_unmap_and_replace(Call& call) {
    return in_batches<Replace, at_once>(call, [&](std::span<Replace> ops) {
        for (Replace& op : ops) {
            op.status = replace_one(call.d, op);
        }
    });
}

} // namespace bulkhead::vcpu
