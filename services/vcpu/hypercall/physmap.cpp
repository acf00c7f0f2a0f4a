// SPDX-License-Identifier: Apache-2.0
// What is where in the guest's physical address space: add_to_physmap, its batched form, remove_from_physmap
// (public/memory.h). services/memory decides; the monitor moves RAM and keeps its own view right.
// It must not know: which frames are behind the guest's.
#include "memory.hpp"

#include <guest_memory.layout.hpp>

#include "argument.hpp"
#include "ask.hpp"
#include "continuation.hpp"
#include "guest_ram.hpp"
#include "move_page.hpp"
#include "width.hpp"

namespace bulkhead::vcpu {

namespace {

using MemoryRequest = bulkhead_MemoryRequest;

/// shared_info has one place, and so has each frame of the grant table.
xen::Result map_special(Call& call, const bulkhead_MemoryAddToPhysmap& what) {
    Domain& d = call.d;
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
    lose_pages(d, gfn, 1);
    std::uint8_t* page = nullptr;
    if (what.space == bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO) {
        if (d.shared_mapped) {
            d.memory.clear_overlay(d.shared_gfn);
        }
        d.shared_gfn = gfn;
        d.shared_mapped = true;
        void* shared = d.shared;
        page = static_cast<std::uint8_t*>(shared);
        latch_width(d, call.v);
    } else if (d.grant.table != nullptr) { // a frame that there is, as it is mapped
        page = what.space == bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS ? d.grant.status_frame(what.index)
                                                                        : d.grant.table + what.index * page_size;
        d.memory.clear_overlay(d.memory.place_of_overlay(page));
    }
    return d.memory.set_overlay(gfn, page) ? 0 : -XEN_ENOMEM;
}

/// One page of add_to_physmap.
xen::Result add_page(Call& call, std::uint32_t space, std::uint64_t index, Gfn gfn) {
    bulkhead_MemoryAddToPhysmap what{};
    what.index = index;
    what.gfn = gfn.value;
    switch (space) {
    case XENMAPSPACE_shared_info:
        what.space = bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO;
        return map_special(call, what);
    case XENMAPSPACE_grant_table:
        what.space = (index & XENMAPIDX_grant_table_status) != 0 ? bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS
                                                                 : bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE;
        what.index &= ~std::uint64_t{XENMAPIDX_grant_table_status};
        return map_special(call, what);
    case XENMAPSPACE_gmfn:
    case XENMAPSPACE_gmfn_range:
        return move_page(call.d, Gfn{index}, gfn);
    default:
        return -XEN_EINVAL; // among them device memory, which is for other architectures
    }
}

/// add_to_physmap and the batched form under way: what the argument said, and how far it has come.
struct Adding {
    std::uint64_t indexes, gfns, errors; ///< of a range: the first index and frame number
    std::uint32_t space, foreign, size, done;
};

/// Pages one after the other; Xen stops at the first that fails, and so do we.
xen::Result add_range(Call& call, Adding& a) {
    while (a.done < a.size) {
        if (const xen::Result result = add_page(call, a.space, a.indexes + a.done, Gfn{a.gfns + a.done}); result != 0) {
            return result;
        }
        a.done += 1;
        if (a.done < a.size && suspend(call, a)) {
            return 0;
        }
    }
    return 0;
}

/// A page of another domain is not for unprivileged domains. Of the domain itself, Xen says so page by page.
xen::Result add_foreign(const Adding& a) {
    return a.foreign == DOMID_SELF ? -XEN_EINVAL : -XEN_EPERM;
}

} // namespace

xen::Result add_to_physmap(Call& call) {
    Adding a;
    if (resume(call, a)) {
        return add_range(call, a);
    }
    return with_input<bulkhead_guest_AddToPhysmap>(
        call, call.arg[1], [&](const bulkhead_guest_AddToPhysmap& add) -> xen::Result {
            if (add.space == XENMAPSPACE_gmfn_foreign) {
                return -XEN_ENOSYS; // the batched form only, as the header says
            }
            if (const xen::Result wrong = own_domain_only(call, add.domid); wrong != 0) {
                return wrong;
            }
            const bool range = add.space == XENMAPSPACE_gmfn_range;
            a = {add.idx, add.gpfn, 0, add.space, 0, range ? add.size : 1, 0};
            return add_range(call, a);
        });
}

namespace {

/// One element, its error written where the guest wants it. Not 0: the guest's arrays cannot be reached.
xen::Result add_element(Call& call, const Adding& a) {
    const std::uint64_t error_address = a.errors + a.done * sizeof(std::int32_t);
    std::uint64_t index = 0;
    std::uint64_t gfn = 0;
    if (!read_words(call, a.indexes, a.done, {&index, 1}) || !read_words(call, a.gfns, a.done, {&gfn, 1}) ||
        !addressable(call.wide, error_address, sizeof(std::int32_t)) ||
        !call.access.writable(error_address, sizeof(std::int32_t))) {
        return -XEN_EFAULT;
    }
    const xen::Result result =
        a.space == XENMAPSPACE_gmfn_foreign ? add_foreign(a) : add_page(call, a.space, index, Gfn{gfn});
    return call.access.put(error_address, static_cast<std::int32_t>(result)) ? 0 : -XEN_EFAULT;
}

xen::Result add_batch(Call& call, Adding& a) {
    while (a.done < a.size) {
        if (const xen::Result result = add_element(call, a); result != 0) {
            return result;
        }
        a.done += 1;
        if (a.done < a.size && suspend(call, a)) {
            return 0;
        }
    }
    return 0;
}

} // namespace

xen::Result add_to_physmap_batch(Call& call) {
    Adding a;
    if (resume(call, a)) {
        return add_batch(call, a);
    }
    return with_input<bulkhead_guest_AddToPhysmapBatch>(
        call, call.arg[1], [&](const bulkhead_guest_AddToPhysmapBatch& batch) -> xen::Result {
            if (const xen::Result wrong = own_domain_only(call, batch.domid); wrong != 0) {
                return wrong;
            }
            if (batch.space == XENMAPSPACE_gmfn_foreign) {
                if (const xen::Result wrong = own_domain_only(call, batch.foreign_domid); wrong != 0) {
                    return wrong;
                }
            }
            a = {batch.idxs, batch.gpfns, batch.errs, batch.space, batch.foreign_domid, batch.size, 0};
            return add_batch(call, a);
        });
}

xen::Result take_from_physmap(Domain& d, Gfn gfn) {
    MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_remove_from_physmap_tag;
    request.request.remove_from_physmap.gfn = gfn.value;
    const xen::Result result = ask_memory(request).result;
    if (result == 0) {
        lose_pages(d, gfn, 1);
    }
    return result;
}

xen::Result remove_from_physmap(Call& call) {
    return with_input<bulkhead_guest_RemoveFromPhysmap>(
        call, call.arg[1], [&](const bulkhead_guest_RemoveFromPhysmap& remove) -> xen::Result {
            if (const xen::Result wrong = own_domain_only(call, remove.domid); wrong != 0) {
                return wrong;
            }
            return take_from_physmap(call.d, Gfn{remove.gpfn});
        });
}

} // namespace bulkhead::vcpu
