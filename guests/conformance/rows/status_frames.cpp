// SPDX-License-Identifier: Apache-2.0
// The frames of a table of version 2 and of its entries' status: setup_table, get_status_frames, physmap
// (public/grant_table.h, public/memory.h). The last rows make the table larger for good.
#include "version_2.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* status_h = "public/grant_table.h, GNTTABOP_get_status_frames";
constexpr const char* setup_h = "public/grant_table.h, GNTTABOP_setup_table";
constexpr const char* memory_h = "public/memory.h";
constexpr std::uint64_t untouched = 0x7777'7777'7777'7777;
constexpr OnXen not_there{
    -XEN_ENOSYS, "Xen has it for domains that see machine addresses. Here those that may have version 2 have it.",
    false};
constexpr OnXen no_resources{-XEN_EACCES,
                             "Xen lets no domain with a physical map of its own have resources, and says so first."};

std::uint64_t* list_in_scratch() {
    return reinterpret_cast<std::uint64_t*>(scratch[1]);
}
gnttab_get_status_frames request(std::uint32_t frames, domid_t domain = DOMID_SELF) {
    gnttab_get_status_frames g{};
    g.nr_frames = frames;
    g.dom = domain;
    g.status = 77;
    set_xen_guest_handle(g.frame_list, list_in_scratch());
    __builtin_memset(scratch[1], 0x77, page_bytes);
    return g;
}
/// `written`: how many frames are in the list.
std::int64_t get(Effects& e, gnttab_get_status_frames g, std::int16_t status, std::uint32_t written) {
    const auto result = grant(GNTTABOP_get_status_frames, g);
    e.equal("status", g.status, status);
    e.check("behind the list", list_in_scratch()[written] == untouched);
    return result;
}
std::int64_t refused(Effects& e, const gnttab_get_status_frames& g, std::int16_t status) {
    const Version2 version;
    return get(e, g, status, 0);
}
std::int64_t with_count(Word count) {
    const Version2 version;
    auto g = request(1);
    const auto result = grant(GNTTABOP_get_status_frames, g, count);
    return g.status == 77 ? result : 0;
}

/// One frame, to a list at that kind of place.
template <Place Kind, std::int16_t Status> std::int64_t to_list(Effects& e) {
    const Version2 version;
    auto g = request(1);
    const Word at = place(Kind, sizeof(std::uint64_t));
    set_xen_guest_handle(g.frame_list, reinterpret_cast<std::uint64_t*>(at));
    const auto result = grant(GNTTABOP_get_status_frames, g);
    e.equal("status", g.status, Status);
    if (Status == GNTST_okay) {
        std::uint64_t frame = 0;
        __builtin_memcpy(&frame, reinterpret_cast<const void*>(at), sizeof frame);
        e.equal("frame", static_cast<std::int64_t>(frame), status_at / page_bytes);
    }
    return result;
}

std::int64_t set_up(Effects& e, std::uint32_t frames, std::int16_t status) {
    gnttab_setup_table s{};
    s.dom = DOMID_SELF;
    s.nr_frames = frames;
    s.status = 77;
    set_xen_guest_handle(s.frame_list, reinterpret_cast<xen_pfn_t*>(scratch[1]));
    const auto result = grant(GNTTABOP_setup_table, s);
    e.equal("status", s.status, status);
    return result;
}
std::int64_t acquire(domid_t domain) {
    const Version2 version;
    xen_mem_acquire_resource r{};
    r.domid = domain;
    r.type = XENMEM_resource_grant_table;
    r.id = XENMEM_resource_grant_table_id_status;
    return operate(__HYPERVISOR_memory_op, XENMEM_acquire_resource, r);
}

/// Frames of entries whose status fills more than one frame.
constexpr std::uint32_t many = page_bytes / sizeof(grant_status_t) / entries_per_frame + 1;

constexpr Row rows[] = {
    {"v2/get_status_frames in version 1", status_h,
     [](Effects& e) { return get(e, request(1), GNTST_general_error, 0); }, 0, any_width, not_there},
    {"v2/get_status_frames in version 1, none", status_h, [](Effects& e) { return get(e, request(0), GNTST_okay, 0); },
     0, any_width, not_there},
    {"v2/get_status_frames", status_h,
     [](Effects& e) {
         const Version2 version;
         const auto result = get(e, request(1), GNTST_okay, 1);
         e.equal("frame", static_cast<std::int64_t>(list_in_scratch()[0]), status_at / page_bytes);
         return result;
     },
     0, any_width, not_there},
    {"v2/get_status_frames, mapped nowhere", status_h,
     [](Effects& e) {
         const Version2 version;
         e.equal("remove", remove_at(status_at), 0);
         const auto result = get(e, request(1), GNTST_okay, 1);
         e.equal("frame", static_cast<std::int64_t>(list_in_scratch()[0]), -1);
         return result;
     },
     0, any_width, not_there},
    {"v2/get_status_frames by number", status_h,
     [](Effects& e) {
         const Version2 version;
         return get(e, request(1, own_domain()), GNTST_okay, 1);
     },
     0, any_width, not_there},
    {"v2/get_status_frames, none", status_h,
     [](Effects& e) {
         const Version2 version;
         return get(e, request(0), GNTST_okay, 0);
     },
     0, any_width, not_there},
    {"v2/get_status_frames, two where there is one", status_h,
     [](Effects& e) { return refused(e, request(2), GNTST_general_error); }, 0, any_width, not_there},
    {"v2/get_status_frames, 2^32-1", status_h, [](Effects& e) { return refused(e, request(~0u), GNTST_general_error); },
     0, any_width, not_there},
    {"v2/get_status_frames of another domain", status_h,
     [](Effects& e) { return refused(e, request(1, another_domain), GNTST_permission_denied); }, 0, any_width,
     not_there},
    {"v2/get_status_frames of nobody", status_h,
     [](Effects& e) { return refused(e, request(1, no_domain), GNTST_permission_denied); }, 0, any_width, not_there},
    {"v2/get_status_frames, count 0", status_h, [](Effects&) { return with_count(0); }, -XEN_EINVAL, any_width,
     not_there},
    {"v2/get_status_frames, count 2", status_h, [](Effects&) { return with_count(2); }, -XEN_EINVAL, any_width,
     not_there},
    {"v2/get_status_frames, count 2^32-1", status_h, [](Effects&) { return with_count(~0u); }, -XEN_EINVAL, any_width,
     not_there},
    {"v2/get_status_frames, list unaligned", status_h, to_list<Place::unaligned, GNTST_okay>, 0, any_width, not_there},
    {"v2/get_status_frames, list across pages", status_h, to_list<Place::across_pages, GNTST_okay>, 0, any_width,
     not_there},
    {"v2/get_status_frames, list read-only", status_h, to_list<Place::read_only, GNTST_bad_virt_addr>, 0, paged,
     not_there},
    {"v2/get_status_frames, list unmapped", status_h, to_list<Place::unmapped, GNTST_bad_virt_addr>, 0, any_width,
     not_there},
    {"v2/get_status_frames, list without RAM", status_h, to_list<Place::no_ram, GNTST_bad_virt_addr>, 0, any_width,
     not_there},
    {"v2/get_status_frames, list past RAM", status_h, to_list<Place::past_ram, GNTST_bad_virt_addr>, 0, any_width,
     not_there},
    {"v2/get_status_frames, list wrapping around", status_h, to_list<Place::wrapping, GNTST_bad_virt_addr>, 0,
     any_width, not_there},
    {"v2/get_status_frames, list not canonical", status_h, to_list<Place::not_canonical, GNTST_bad_virt_addr>, 0, wide,
     not_there},
    {"v2/physmap, a status frame", memory_h,
     [](Effects& e) {
         const Version2 version;
         const auto result = map_at(status_at, XENMAPIDX_grant_table_status);
         for (grant_ref_t i = first_free; i < page_bytes / sizeof(grant_status_t); ++i) {
             e.equal("a mark", mark(i), 0);
         }
         return result;
     },
     0},
    {"v2/physmap, a status frame past the largest table", memory_h,
     [](Effects&) {
         const Version2 version;
         return map_at(status_at, XENMAPIDX_grant_table_status | 0x4000);
     },
     -XEN_EINVAL},
    {"v2/physmap, a status frame in version 1", memory_h,
     [](Effects&) { return map_at(status_at, XENMAPIDX_grant_table_status); }, -XEN_EINVAL},
    {"v2/acquire_resource, status frames of itself", memory_h, [](Effects&) { return acquire(DOMID_SELF); }, -XEN_ESRCH,
     any_width, no_resources},
    {"v2/acquire_resource, status frames of another", memory_h, [](Effects&) { return acquire(another_domain); },
     -XEN_EPERM, any_width, no_resources},
    {"v2/setup_table, one frame", setup_h,
     [](Effects& e) {
         const Version2 version;
         const auto result = set_up(e, 1, GNTST_okay);
         xen_pfn_t frame = 0;
         __builtin_memcpy(&frame, scratch[1], sizeof frame);
         e.equal("frame", static_cast<std::int64_t>(frame), table_at / page_bytes);
         return result;
     },
     0},
    {"v2/setup_table, 2^32-1 frames", setup_h,
     [](Effects& e) {
         const Version2 version;
         return set_up(e, ~0u, GNTST_general_error);
     },
     0},
    {"v2/setup_table, enough for a second status frame", setup_h,
     [](Effects& e) {
         const Version2 version;
         const auto result = set_up(e, many, GNTST_okay);
         e.equal("frames", table_frames(), many);
         e.equal("the second", map_at(status_at, XENMAPIDX_grant_table_status | 1), 0);
         return result;
     },
     0},
    {"v2/get_status_frames, two", status_h,
     [](Effects& e) {
         const Version2 version;
         return get(e, request(2), GNTST_okay, 2);
     },
     0, any_width, not_there},
    {"v2/get_status_frames, three where there are two", status_h,
     [](Effects& e) { return refused(e, request(3), GNTST_general_error); }, 0, any_width, not_there},
    {"v2/set_version 2 of a larger table", set_version_h,
     [](Effects& e) {
         const Version2 version;
         e.equal("frames", table_frames(), many);
         e.equal("the second status frame", map_at(status_at, XENMAPIDX_grant_table_status | 1), 0);
         return version.result;
     },
     0},
};

constexpr HandleCase cases[] = {
    {"grant.get_status_frames", status_h, sizeof(gnttab_get_status_frames), true,
     [](void* at) {
         const auto none = request(0);
         __builtin_memcpy(at, &none, sizeof none);
     },
     [](Word handle) { return issue(__HYPERVISOR_grant_table_op, GNTTABOP_get_status_frames, handle, 1); }, nullptr, 0},
    {"grant.set_version 2", set_version_h, sizeof(gnttab_set_version), true,
     [](void* at) {
         const gnttab_set_version two{2};
         __builtin_memcpy(at, &two, sizeof two);
     },
     [](Word handle) { return issue(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, handle, 1); },
     [](const void*) { (void)set_version(1); }, 0},
};

} // namespace

const Group status_frame_rows{"grant_table_op, status frames", rows};

std::span<const HandleCase> version_2_handle_cases() {
    return cases;
}

} // namespace bulkhead::conformance
