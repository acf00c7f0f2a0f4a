// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_grant_table_op (public/grant_table.h): the table itself, and maps and unmaps that must fail.
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* grant_h = "public/grant_table.h";
constexpr const char* pv_only = "public/grant_table.h: \"only PV guests can use this operation\"";
constexpr Word number = __HYPERVISOR_grant_table_op;

constexpr OnXen not_there{-XEN_ENOSYS, "Xen has it for domains that see machine addresses. Here every domain has it.",
                          false};

template <typename T> std::int64_t grant(Word operation, T& argument, Word count = 1) {
    return issue(number, operation, address_of(argument), count);
}
std::int64_t set_version(std::uint32_t version, std::uint32_t* now = nullptr) {
    gnttab_set_version s{version};
    const auto result = grant(GNTTABOP_set_version, s);
    if (now != nullptr) {
        *now = s.version;
    }
    return result;
}
std::int64_t query(domid_t domain, gnttab_query_size& q, Word count = 1) {
    q.dom = domain;
    q.status = 77;
    return grant(GNTTABOP_query_size, q, count);
}
std::int64_t map(domid_t domain, grant_ref_t reference, std::uint32_t flags, gnttab_map_grant_ref& m) {
    m = {};
    m.dom = domain;
    m.ref = reference;
    m.flags = flags;
    m.host_addr = address_of(ballast);
    m.status = 77;
    return grant(GNTTABOP_map_grant_ref, m);
}
std::int64_t unmap(grant_handle_t handle, gnttab_unmap_grant_ref& u) {
    u = {};
    u.host_addr = address_of(ballast);
    u.handle = handle;
    u.status = 77;
    return grant(GNTTABOP_unmap_grant_ref, u);
}

std::int64_t flush(std::uint64_t address, std::uint16_t offset, std::uint16_t length, std::uint32_t operation) {
    gnttab_cache_flush f{};
    f.a.dev_bus_addr = address;
    f.offset = offset;
    f.length = length;
    f.op = operation;
    return grant(GNTTABOP_cache_flush, f);
}
std::uint64_t own_address() {
    return std::uint64_t{frame_of(scratch[1])} * page_bytes;
}

constexpr Row rows[] = {
    {"grant/query_size", grant_h,
     [](Effects& e) {
         gnttab_query_size q{};
         const auto result = query(DOMID_SELF, q);
         e.equal("status", q.status, GNTST_okay);
         e.check("frames", q.nr_frames >= 1);
         e.check("at most", q.nr_frames <= q.max_nr_frames);
         return result;
     },
     0},
    {"grant/query_size by number", grant_h,
     [](Effects& e) {
         gnttab_query_size q{};
         const auto result = query(own_domain(), q);
         e.equal("status", q.status, GNTST_okay);
         return result;
     },
     0},
    {"grant/query_size of another domain", grant_h,
     [](Effects& e) {
         gnttab_query_size q{};
         const auto result = query(another_domain, q);
         e.equal("status", q.status, GNTST_permission_denied);
         return result;
     },
     0},
    {"grant/query_size of nobody", grant_h,
     [](Effects& e) {
         gnttab_query_size q{};
         const auto result = query(no_domain, q);
         e.equal("status", q.status, GNTST_permission_denied);
         return result;
     },
     0, any_width, tells_who_exists_by_status},
    {"grant/query_size, count 0", grant_h,
     [](Effects& e) {
         gnttab_query_size q{};
         const auto result = query(DOMID_SELF, q, 0);
         e.equal("untouched", q.status, 77);
         return result;
     },
     -XEN_EINVAL},
    {"grant/query_size, count 2", grant_h,
     [](Effects&) {
         gnttab_query_size q{};
         return query(DOMID_SELF, q, 2);
     },
     -XEN_EINVAL},
    {"grant/query_size, count 2^32-1", grant_h,
     [](Effects&) {
         gnttab_query_size q{};
         return query(DOMID_SELF, q, 0xffff'ffff);
     },
     -XEN_EINVAL},
    {"grant/get_version", grant_h,
     [](Effects& e) {
         gnttab_get_version g{};
         g.dom = DOMID_SELF;
         const auto result = grant(GNTTABOP_get_version, g);
         e.equal("version", g.version, 1);
         return result;
     },
     0},
    {"grant/get_version of another domain", grant_h,
     [](Effects&) {
         gnttab_get_version g{};
         g.dom = another_domain;
         return grant(GNTTABOP_get_version, g);
     },
     -XEN_EPERM},
    {"grant/get_version of nobody", grant_h,
     [](Effects&) {
         gnttab_get_version g{};
         g.dom = no_domain;
         return grant(GNTTABOP_get_version, g);
     },
     -XEN_EPERM, any_width, tells_who_exists},
    {"grant/set_version 1", grant_h,
     [](Effects& e) {
         std::uint32_t now = 0;
         const auto result = set_version(1, &now);
         e.equal("version", now, 1);
         return result;
     },
     0},
    {"grant/set_version 0", grant_h, [](Effects&) { return set_version(0); }, -XEN_EINVAL},
    {"grant/set_version 3", grant_h, [](Effects&) { return set_version(3); }, -XEN_EINVAL},
    {"grant/set_version 2^32-1", grant_h, [](Effects&) { return set_version(~0u); }, -XEN_EINVAL},
    {"grant/setup_table, one frame", grant_h,
     [](Effects& e) {
         xen_pfn_t* list = reinterpret_cast<xen_pfn_t*>(scratch[0]);
         gnttab_setup_table s{};
         s.dom = DOMID_SELF;
         s.nr_frames = 1;
         s.status = 77;
         set_xen_guest_handle(s.frame_list, list);
         const auto result = grant(GNTTABOP_setup_table, s);
         e.equal("status", s.status, GNTST_okay);
         return result;
     },
     0},
    {"grant/setup_table, 2^32-1 frames", grant_h,
     [](Effects& e) {
         gnttab_setup_table s{};
         s.dom = DOMID_SELF;
         s.nr_frames = ~0u;
         s.status = 77;
         const auto result = grant(GNTTABOP_setup_table, s);
         e.equal("status", s.status, GNTST_general_error);
         return result;
     },
     0},
    {"grant/setup_table of nobody", grant_h,
     [](Effects& e) {
         gnttab_setup_table s{};
         s.dom = no_domain;
         s.nr_frames = 1;
         s.status = 77;
         const auto result = grant(GNTTABOP_setup_table, s);
         e.equal("status", s.status, GNTST_permission_denied);
         return result;
     },
     0, any_width, tells_who_exists_by_status},
    {"grant/setup_table of another domain", grant_h,
     [](Effects& e) {
         gnttab_setup_table s{};
         s.dom = another_domain;
         s.nr_frames = 1;
         s.status = 77;
         const auto result = grant(GNTTABOP_setup_table, s);
         e.equal("status", s.status, GNTST_permission_denied);
         return result;
     },
     0},
    {"grant/get_status_frames of version 1",
     grant_h,
     [](Effects& e) {
         gnttab_get_status_frames g{};
         g.dom = DOMID_SELF;
         g.nr_frames = 1;
         g.status = 77;
         set_xen_guest_handle(g.frame_list, reinterpret_cast<std::uint64_t*>(scratch[0]));
         const auto result = grant(GNTTABOP_get_status_frames, g);
         e.equal("untouched", g.status, 77);
         return result;
     },
     -XEN_ENOSYS,
     any_width,
     {},
     version_1_only},
    {"grant/set_version 2 of a domain that has 1",
     grant_h,
     [](Effects& e) {
         std::uint32_t now = 0;
         const auto result = set_version(2, &now);
         e.equal("version", now, 1);
         return result;
     },
     -XEN_ENOSYS,
     any_width,
     {},
     version_1_only},
    {"grant/map, none", grant_h, [](Effects&) { return grant(GNTTABOP_map_grant_ref, scratch, 0); }, 0},
    {"grant/map of nobody", grant_h,
     [](Effects& e) {
         gnttab_map_grant_ref m;
         const auto result = map(no_domain, 0, GNTMAP_host_map, m);
         e.equal("status", m.status, GNTST_bad_domain);
         return result;
     },
     0},
    {"grant/map without a kind", grant_h,
     [](Effects& e) {
         gnttab_map_grant_ref m;
         const auto result = map(another_domain, 0, 0, m);
         e.equal("status", m.status, GNTST_bad_gntref);
         return result;
     },
     0},
    {"grant/map what is not granted", grant_h,
     [](Effects& e) {
         gnttab_map_grant_ref m;
         const auto result = map(another_domain, 100, GNTMAP_host_map, m);
         e.check("refused", m.status < 0);
         return result;
     },
     0},
    {"grant/map, list unmapped", grant_h,
     [](Effects&) { return issue(number, GNTTABOP_map_grant_ref, place(Place::unmapped, 8), 1); }, -XEN_EFAULT},
    {"grant/map, 2^31 of them", grant_h,
     [](Effects&) { return issue(number, GNTTABOP_map_grant_ref, address_of(scratch), 0x8000'0000); }, -XEN_EINVAL},
    {"grant/map, 2^32-1 of them", grant_h,
     [](Effects&) { return issue(number, GNTTABOP_map_grant_ref, address_of(scratch), 0xffff'ffff); }, -XEN_EINVAL},
    {"grant/unmap, none", grant_h, [](Effects&) { return grant(GNTTABOP_unmap_grant_ref, scratch, 0); }, 0},
    {"grant/unmap a handle never given", grant_h,
     [](Effects& e) {
         gnttab_unmap_grant_ref u;
         const auto result = unmap(5, u);
         e.equal("status", u.status, GNTST_bad_handle);
         return result;
     },
     0},
    {"grant/unmap handle 2^32-1", grant_h,
     [](Effects& e) {
         gnttab_unmap_grant_ref u;
         const auto result = unmap(~0u, u);
         e.equal("status", u.status, GNTST_bad_handle);
         return result;
     },
     0},
    {"grant/unmap, list unmapped", grant_h,
     [](Effects&) { return issue(number, GNTTABOP_unmap_grant_ref, place(Place::unmapped, 8), 1); }, -XEN_EFAULT},
    {"grant/unmap_and_replace a handle never given", grant_h,
     [](Effects& e) {
         gnttab_unmap_and_replace u{};
         u.handle = 5;
         u.status = 77;
         const auto result = grant(GNTTABOP_unmap_and_replace, u);
         e.equal("status", u.status, GNTST_bad_handle);
         return result;
     },
     0, any_width, not_there},
    {"grant/unmap_and_replace by an own page", grant_h,
     [](Effects& e) {
         scratch[1][0] = 42;
         gnttab_unmap_and_replace u{};
         u.host_addr = address_of(ballast);
         u.new_addr = own_address();
         u.handle = 5;
         u.status = 77;
         const auto result = grant(GNTTABOP_unmap_and_replace, u);
         e.equal("status", u.status, GNTST_bad_handle);
         e.equal("not moved", scratch[1][0], 42);
         return result;
     },
     0, any_width, not_there},
    {"grant/unmap_and_replace, none", grant_h, [](Effects&) { return grant(GNTTABOP_unmap_and_replace, scratch, 0); },
     0, any_width, not_there},
    {"grant/unmap_and_replace, list unmapped", grant_h,
     [](Effects&) { return issue(number, GNTTABOP_unmap_and_replace, place(Place::unmapped, 8), 1); }, -XEN_EFAULT,
     any_width, not_there},
    {"grant/swap a reference with itself", grant_h,
     [](Effects& e) {
         gnttab_swap_grant_ref s{20, 20, 77};
         const auto result = grant(GNTTABOP_swap_grant_ref, s);
         e.equal("status", s.status, GNTST_okay);
         return result;
     },
     0},
    {"grant/swap a reference past the table", grant_h,
     [](Effects& e) {
         gnttab_swap_grant_ref s{20, 0x7fff'ffff, 77};
         const auto result = grant(GNTTABOP_swap_grant_ref, s);
         e.equal("status", s.status, GNTST_bad_gntref);
         return result;
     },
     0},
    {"grant/transfer, none", pv_only, [](Effects&) { return grant(GNTTABOP_transfer, scratch, 0); }, -XEN_ENOSYS},
    {"grant/transfer a page", pv_only,
     [](Effects& e) {
         scratch[1][0] = 42;
         gnttab_transfer t{};
         t.mfn = frame_of(scratch[1]);
         t.domid = another_domain;
         t.status = 77;
         const auto result = grant(GNTTABOP_transfer, t);
         e.equal("untouched", t.status, 77);
         e.equal("the page", scratch[1][0], 42);
         return result;
     },
     -XEN_ENOSYS},
    {"grant/dump_table of another domain", grant_h,
     [](Effects& e) {
         gnttab_dump_table d{another_domain, 77};
         const auto result = grant(GNTTABOP_dump_table, d);
         e.equal("untouched", d.status, 77);
         return result;
     },
     -XEN_ENOSYS},
    {"grant/cache_flush, none", grant_h, [](Effects&) { return grant(GNTTABOP_cache_flush, scratch, 0); }, 0, any_width,
     not_there},
    {"grant/cache_flush of nothing", grant_h, [](Effects&) { return flush(own_address(), 0, 0, GNTTAB_CACHE_CLEAN); },
     0, any_width, not_there},
    {"grant/cache_flush of an own page", grant_h,
     [](Effects& e) {
         scratch[1][0] = 42;
         const auto result = flush(own_address(), 0, page_bytes, GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL);
         e.equal("the page", scratch[1][0], 42);
         return result;
     },
     0, any_width, not_there},
    {"grant/cache_flush of no page", grant_h,
     [](Effects&) { return flush(0xffff'ffff'f000, 0, 1, GNTTAB_CACHE_INVAL); }, -XEN_EINVAL, any_width, not_there},
    {"grant/cache_flush across a page's end", grant_h,
     [](Effects&) { return flush(own_address(), page_bytes - 1, 2, GNTTAB_CACHE_CLEAN); }, -XEN_EINVAL, any_width,
     not_there},
    {"grant/cache_flush, unknown bit", grant_h, [](Effects&) { return flush(own_address(), 0, 1, 4); }, -XEN_EINVAL,
     any_width, not_there},
    {"grant/cache_flush by reference", grant_h,
     [](Effects&) { return flush(8, 0, 1, GNTTAB_CACHE_SOURCE_GREF | GNTTAB_CACHE_CLEAN); }, -XEN_EOPNOTSUPP, any_width,
     not_there},
    {"grant/cache_flush, list unmapped", grant_h,
     [](Effects&) { return issue(number, GNTTABOP_cache_flush, place(Place::unmapped, 8), 1); }, -XEN_EFAULT, any_width,
     not_there},
    {"grant/unknown 13", grant_h, [](Effects&) { return grant(13, scratch); }, -XEN_ENOSYS},
    {"grant/unknown 256 + query_size", grant_h, [](Effects&) { return grant(256 + GNTTABOP_query_size, scratch); },
     -XEN_ENOSYS},
    {"grant/unknown 2^32-1", grant_h, [](Effects&) { return grant(0xffff'ffff, scratch); }, -XEN_ENOSYS},
};

} // namespace

const Group grant_rows{"grant_table_op", rows};

} // namespace bulkhead::conformance
