// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_memory_op (public/memory.h): what lies at which guest frame, and what only the tools may ask for.
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* memory_h = "public/memory.h";
constexpr Word number = __HYPERVISOR_memory_op;
constexpr OnXen no_resources{-XEN_EACCES,
                             "Xen lets no domain with a physical map of its own have resources, and says so first."};
constexpr OnXen kind_first{-XEN_EACCES,
                           "Xen looks first whether the other domain has a map of the kind, and dom0 has none."};

std::int64_t add(unsigned space, xen_ulong_t index, xen_pfn_t frame, domid_t domain = DOMID_SELF) {
    xen_add_to_physmap a{};
    a.domid = domain;
    a.space = space;
    a.idx = index;
    a.gpfn = frame;
    return operate(number, XENMEM_add_to_physmap, a);
}
std::int64_t remove(xen_pfn_t frame, domid_t domain = DOMID_SELF) {
    xen_remove_from_physmap r{};
    r.domid = domain;
    r.gpfn = frame;
    return operate(number, XENMEM_remove_from_physmap, r);
}
std::int64_t populate(xen_pfn_t frame) {
    xen_memory_reservation r{};
    set_xen_guest_handle(r.extent_start, &frame);
    r.nr_extents = 1;
    r.domid = DOMID_SELF;
    return operate(number, XENMEM_populate_physmap, r);
}

struct Batch {
    xen_add_to_physmap_batch b{};
    xen_ulong_t indices[2]{};
    xen_pfn_t frames[2]{};
    int errors[2]{77, 77};

    Batch(unsigned space, unsigned size) {
        b.domid = DOMID_SELF;
        b.space = static_cast<std::uint16_t>(space);
        b.size = static_cast<std::uint16_t>(size);
        set_xen_guest_handle(b.idxs, indices);
        set_xen_guest_handle(b.gpfns, frames);
        set_xen_guest_handle(b.errs, errors);
    }
    std::int64_t run() { return operate(number, XENMEM_add_to_physmap_batch, b); }
};

constexpr Row rows[] = {
    {"physmap/shared_info moves", memory_h,
     [](Effects& e) {
         shared().evtchn_mask[1] = 0x1234;
         const auto home = frame_of(&shared());
         const auto result = add(XENMAPSPACE_shared_info, 0, frame_of(ballast));
         const auto& moved = *reinterpret_cast<shared_info*>(ballast);
         e.equal("it is there", static_cast<std::int64_t>(moved.evtchn_mask[1]), 0x1234);
         e.equal("back", add(XENMAPSPACE_shared_info, 0, home), 0);
         shared().evtchn_mask[1] = 0;
         (void)populate(frame_of(ballast));
         return result;
     },
     0},
    {"physmap/shared_info, index 1", memory_h,
     [](Effects&) { return add(XENMAPSPACE_shared_info, 1, frame_of(ballast)); }, -XEN_EINVAL},
    {"physmap/grant_table, frame 0", memory_h,
     [](Effects& e) {
         const auto result = add(XENMAPSPACE_grant_table, 0, frame_of(ballast));
         ballast[12] = 0; // an entry's flags are plain memory
         e.equal("remove", remove(frame_of(ballast)), 0);
         e.equal("populate", populate(frame_of(ballast)), 1);
         return result;
     },
     0},
    {"physmap/grant_table, index 2^32-1", memory_h,
     [](Effects&) { return add(XENMAPSPACE_grant_table, 0x7fff'ffff, frame_of(ballast)); }, -XEN_EINVAL},
    {"physmap/grant_table, status frame of version 1", memory_h,
     [](Effects&) { return add(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, frame_of(ballast)); },
     -XEN_EINVAL},
    {"physmap/gmfn_foreign in the old form", memory_h,
     [](Effects&) { return add(XENMAPSPACE_gmfn_foreign, 0, frame_of(ballast)); }, -XEN_ENOSYS},
    {"physmap/dev_mmio in the old form",
     memory_h,
     [](Effects&) { return add(XENMAPSPACE_dev_mmio, 0, frame_of(ballast)); },
     -XEN_EINVAL,
     any_width,
     {-XEN_EACCES, "Xen asks for permission, though the space is for another architecture."}},
    {"physmap/unknown space 6", memory_h, [](Effects&) { return add(6, 0, frame_of(ballast)); }, -XEN_EINVAL},
    {"physmap/unknown space 2^32-1", memory_h, [](Effects&) { return add(~0u, 0, frame_of(ballast)); }, -XEN_EINVAL},
    {"physmap/add for another domain", memory_h,
     [](Effects&) { return add(XENMAPSPACE_shared_info, 0, frame_of(ballast), another_domain); }, -XEN_EPERM, any_width,
     kind_first},
    {"physmap/add for nobody", memory_h,
     [](Effects&) { return add(XENMAPSPACE_shared_info, 0, frame_of(ballast), no_domain); }, -XEN_EPERM, any_width,
     tells_who_exists},
    {"physmap/remove a page, and populate it", memory_h,
     [](Effects& e) {
         const auto result = remove(frame_of(ballast));
         e.equal("again", remove(frame_of(ballast)), -XEN_ENOENT);
         e.equal("populate", populate(frame_of(ballast)), 1);
         ballast[0] = 1;
         return result;
     },
     0},
    {"physmap/remove a frame without RAM", memory_h, [](Effects&) { return remove(frame_without_ram()); }, -XEN_ENOENT},
    {"physmap/remove of another domain", memory_h, [](Effects&) { return remove(frame_of(ballast), another_domain); },
     -XEN_EPERM, any_width, kind_first},
    {"physmap/remove of nobody", memory_h, [](Effects&) { return remove(frame_of(ballast), no_domain); }, -XEN_EPERM,
     any_width, tells_who_exists},
    {"physmap/batch of none", memory_h,
     [](Effects&) {
         return Batch{XENMAPSPACE_gmfn, 0}.run();
     },
     0},
    {"physmap/batch, foreign frames of nobody",
     memory_h,
     [](Effects& e) {
         Batch batch{XENMAPSPACE_gmfn_foreign, 1};
         batch.b.u.foreign_domid = no_domain;
         batch.frames[0] = frame_without_ram();
         const auto result = batch.run();
         e.equal("not reached", batch.errors[0], 77);
         return result;
     },
     -XEN_EPERM,
     any_width,
     {0, "Xen says of each page that it may not. Here the whole is refused.", false}},
    {"physmap/batch, unknown space", memory_h,
     [](Effects& e) {
         Batch batch{9, 1};
         batch.frames[0] = frame_without_ram();
         const auto result = batch.run();
         e.equal("its error", batch.errors[0], -XEN_EINVAL);
         return result;
     },
     0},
    {"physmap/batch, lists unmapped", memory_h,
     [](Effects&) {
         Batch batch{XENMAPSPACE_gmfn, 1};
         set_xen_guest_handle(batch.b.idxs, reinterpret_cast<xen_ulong_t*>(place(Place::unmapped, 8)));
         return batch.run();
     },
     -XEN_EFAULT},
    {"physmap/set_memory_map is not for guests",
     memory_h,
     [](Effects&) {
         xen_foreign_memory_map m{};
         m.domid = DOMID_SELF;
         return operate(number, XENMEM_set_memory_map, m);
     },
     -XEN_EPERM,
     any_width,
     {0, "Xen lets a domain change the memory map that it is shown. Here that is the tools' to say."}},
    {"physmap/claim_pages (24) is for tools",
     memory_h,
     [](Effects&) {
         xen_memory_reservation r{};
         r.domid = DOMID_SELF;
         r.nr_extents = 1;
         return operate(number, 24, r);
     },
     -XEN_EPERM,
     wide,
     {-XEN_EINVAL, "Xen looks at the claim before it asks who may claim."}},
    {"physmap/get_vnumainfo without one", memory_h,
     [](Effects&) {
         xen_vnuma_topology_info info{};
         info.domid = DOMID_SELF;
         return operate(number, XENMEM_get_vnumainfo, info);
     },
     -XEN_EOPNOTSUPP},
    {"physmap/acquire_resource of itself", memory_h,
     [](Effects&) {
         xen_mem_acquire_resource r{};
         r.domid = DOMID_SELF;
         r.type = XENMEM_resource_grant_table;
         return operate(number, XENMEM_acquire_resource, r);
     },
     -XEN_ESRCH, any_width, no_resources},
    {"physmap/acquire_resource of another", memory_h,
     [](Effects&) {
         xen_mem_acquire_resource r{};
         r.domid = another_domain;
         r.type = XENMEM_resource_grant_table;
         return operate(number, XENMEM_acquire_resource, r);
     },
     -XEN_EPERM, any_width, no_resources},
};

} // namespace

const Group physmap_rows{"memory_op, physical map", rows};

} // namespace bulkhead::conformance
