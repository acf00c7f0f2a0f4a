// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_unmap_and_replace: a page of the guest's own takes the place of a mapped one, and its own place is a hole
// then. The RAM moves first, over the mapping, and the mapping is given up after that: so the place is never empty.
// It must not know: whose the mapped page is.
#include "grant.hpp"

#include "move_page.hpp"

namespace bulkhead::vcpu {

namespace {

using Replace = bulkhead_guest_GnttabUnmapAndReplace;
constexpr std::size_t at_once = 8; ///< a question or two each

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
    const ForeignPages::UnmapRequest unmap{op.handle, op.host_addr, 0};
    if (op.host_addr == 0 || op.new_addr == 0) {
        return d.foreign.unmap(unmap).status; // nothing to put there, or nowhere
    }
    const ForeignPages::Outcome mapped = d.foreign.check_unmap(unmap);
    if (mapped.status != GNTST_okay) {
        return mapped.status;
    }
    const Gfn place{op.host_addr >> page_shift};
    if (const xen::Result result = move_page(d, Gfn{op.new_addr >> page_shift}, place); result != 0) {
        return to_gntst(result);
    }
    const std::int32_t status = d.foreign.unmap(unmap).status;
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
