// SPDX-License-Identifier: Apache-2.0
// This domain's own grant table, for rows about version 2: where it is mapped, and the table in that version for as
// long as a row takes. It must not know: any row.
#pragma once

#include "../machine.hpp"

namespace bulkhead::conformance {

template <typename T> std::int64_t grant(Word operation, T& argument, Word count = 1) {
    return issue(__HYPERVISOR_grant_table_op, operation, address_of(argument), count);
}
inline std::int64_t set_version(std::uint32_t version, std::uint32_t* now = nullptr) {
    gnttab_set_version s{version};
    const auto result = grant(GNTTABOP_set_version, s);
    if (now != nullptr) {
        *now = s.version;
    }
    return result;
}
inline std::int64_t version_now() {
    gnttab_get_version g{};
    g.dom = DOMID_SELF;
    const auto result = grant(GNTTABOP_get_version, g);
    return result == 0 ? g.version : result;
}
inline std::uint32_t table_frames() {
    gnttab_query_size q{};
    q.dom = DOMID_SELF;
    (void)grant(GNTTABOP_query_size, q);
    return q.nr_frames;
}

// Above RAM, and above what is mapped beside a peer.
inline constexpr Word table_at = 0x5000'0000;
inline constexpr Word status_at = table_at + page_bytes;

inline std::int64_t map_at(Word at, xen_ulong_t index) {
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_grant_table;
    add.idx = index;
    add.gpfn = at / page_bytes;
    return operate(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add);
}
inline std::int64_t remove_at(Word at) {
    xen_remove_from_physmap r{};
    r.domid = DOMID_SELF;
    r.gpfn = at / page_bytes;
    return operate(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, r);
}

inline constexpr std::uint32_t entries_per_frame = page_bytes / sizeof(grant_entry_v2_t);
/// The toolstack's own are the first two of those that survive a change.
inline constexpr grant_ref_t first_free = GNTTAB_RESERVED_XENSTORE + 1;
inline constexpr grant_ref_t kept = 5; ///< one that survives
inline constexpr grant_ref_t plain = 20;

inline grant_entry_v1_t& entry_1(grant_ref_t reference) {
    return reinterpret_cast<grant_entry_v1_t*>(table_at)[reference];
}
inline grant_entry_v2_t& entry_2(grant_ref_t reference) {
    return reinterpret_cast<grant_entry_v2_t*>(table_at)[reference];
}
inline volatile grant_status_t& mark(grant_ref_t reference) {
    return reinterpret_cast<grant_status_t*>(status_at)[reference];
}

/// The first frame of the table at table_at, and what rows may write in it empty at the end.
struct Table {
    Table() { (void)map_at(table_at, 0); }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;
    ~Table() {
        (void)set_version(1); // clears all but the first
        for (grant_ref_t reference = first_free; reference < GNTTAB_NR_RESERVED_ENTRIES; ++reference) {
            entry_1(reference) = {};
        }
        entry_1(plain) = {};
    }
};

/// The same, in version 2, with the first status frame at status_at.
struct Version2 : Table {
    std::int64_t result; ///< of the change
    Version2() : result{set_version(2)} { (void)map_at(status_at, XENMAPIDX_grant_table_status); }
    ~Version2() {
        for (grant_ref_t reference = first_free; reference < GNTTAB_NR_RESERVED_ENTRIES && version_now() == 2;
             ++reference) {
            entry_2(reference) = {}; // some cannot be said in version 1
        }
    }
};

/// Offers a whole page.
inline void offer(grant_ref_t reference, domid_t to, const void* page, std::uint16_t flags = 0) {
    auto& entry = entry_2(reference);
    entry.full_page.pad0 = 0;
    entry.full_page.frame = frame_of(page);
    entry.hdr.domid = to;
    __atomic_store_n(&entry.hdr.flags, static_cast<std::uint16_t>(GTF_permit_access | flags), __ATOMIC_RELEASE);
}
inline void offer_part(grant_ref_t reference, domid_t to, const void* page, std::uint16_t from, std::uint16_t length) {
    offer(reference, to, page, GTF_sub_page);
    entry_2(reference).sub_page.page_off = from;
    entry_2(reference).sub_page.length = length;
}
inline void offer_of_another(grant_ref_t reference, domid_t to, domid_t owner, grant_ref_t its) {
    auto& entry = entry_2(reference);
    entry.transitive.trans_domid = owner;
    entry.transitive.pad0 = 0;
    entry.transitive.gref = its;
    entry.hdr.domid = to;
    __atomic_store_n(&entry.hdr.flags, static_cast<std::uint16_t>(GTF_transitive), __ATOMIC_RELEASE);
}

inline constexpr const char* set_version_h = "public/grant_table.h, GNTTABOP_set_version";
inline constexpr const char* entry_h = "public/grant_table.h, union grant_entry_v2";

} // namespace bulkhead::conformance
