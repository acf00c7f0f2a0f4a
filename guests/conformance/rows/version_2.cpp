// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_set_version between 1 and 2, what survives it, and swap_grant_ref of version 2's entries
// (public/grant_table.h): in a domain that may have either.
#include "version_2.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* reserved_h = "public/grant_table.h, GNTTAB_NR_RESERVED_ENTRIES";
constexpr const char* swap_h = "public/grant_table.h, GNTTABOP_swap_grant_ref";

/// To version 1, from a table whose first entries hold what `put` has written.
std::int64_t back_with(Effects& e, void (*put)()) {
    const Version2 version;
    put();
    const grant_entry_v2_t before = entry_2(kept);
    std::uint32_t now = 0;
    const auto result = set_version(1, &now);
    if (result != 0) {
        e.equal("version", now, 2);
        e.check("untouched", __builtin_memcmp(&before, &entry_2(kept), sizeof before) == 0);
    }
    return result;
}

std::int64_t swap(Effects& e, grant_ref_t a, grant_ref_t b, std::int16_t status) {
    gnttab_swap_grant_ref s{a, b, 77};
    const auto result = grant(GNTTABOP_swap_grant_ref, s);
    e.equal("status", s.status, status);
    return result;
}
void fill_two() {
    offer_part(plain, 3, scratch[1], 16, 32);
    offer_of_another(plain + 1, 4, 6, 99);
}
bool is_part(grant_ref_t reference) {
    const auto& is = entry_2(reference).sub_page;
    return is.hdr.flags == (GTF_permit_access | GTF_sub_page) && is.hdr.domid == 3 && is.page_off == 16 &&
           is.length == 32 && is.frame == frame_of(scratch[1]);
}
bool is_of_another(grant_ref_t reference) {
    const auto& is = entry_2(reference).transitive;
    return is.hdr.flags == GTF_transitive && is.hdr.domid == 4 && is.trans_domid == 6 && is.gref == 99;
}

constexpr Row rows[] = {
    {"v2/set_version 2", set_version_h,
     [](Effects& e) {
         const Table table;
         std::uint32_t now = 0;
         const auto result = set_version(2, &now);
         e.equal("version", now, 2);
         e.equal("get_version", version_now(), 2);
         return result;
     },
     0},
    {"v2/set_version 2 again", set_version_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, 0, scratch[1]);
         const auto result = set_version(2);
         e.check("nothing cleared", entry_2(plain).full_page.frame == frame_of(scratch[1]));
         return result;
     },
     0},
    {"v2/set_version 1 again", set_version_h,
     [](Effects& e) {
         const Version2 version;
         std::uint32_t now = 0;
         const auto result = set_version(1, &now);
         e.equal("version", now, 1);
         e.equal("get_version", version_now(), 1);
         return result;
     },
     0},
    {"v2/set_version 0 in version 2", set_version_h,
     [](Effects& e) {
         const Version2 version;
         std::uint32_t now = 0;
         const auto result = set_version(0, &now);
         e.equal("version", now, 2);
         return result;
     },
     -XEN_EINVAL},
    {"v2/set_version 3 in version 2", set_version_h,
     [](Effects& e) {
         const Version2 version;
         std::uint32_t now = 0;
         const auto result = set_version(3, &now);
         e.equal("version", now, 2);
         return result;
     },
     -XEN_EINVAL},
    {"v2/set_version 2^32-1 in version 2", set_version_h,
     [](Effects& e) {
         const Version2 version;
         const auto result = set_version(~0u);
         e.equal("get_version", version_now(), 2);
         return result;
     },
     -XEN_EINVAL},
    {"v2/set_version 2 keeps the first eight", reserved_h,
     [](Effects& e) {
         const Table table;
         entry_1(kept) = {GTF_permit_access | GTF_readonly, 3, 0x1234};
         entry_1(kept + 1) = {GTF_permit_access, 4, 0xffff'ffff};
         const auto result = set_version(2);
         const auto& is = entry_2(kept).full_page;
         e.equal("flags", is.hdr.flags, GTF_permit_access | GTF_readonly);
         e.equal("domain", is.hdr.domid, 3);
         e.equal("frame", static_cast<std::int64_t>(is.frame), 0x1234);
         e.equal("frame of 32 bits", static_cast<std::int64_t>(entry_2(kept + 1).full_page.frame), 0xffff'ffff);
         return result;
     },
     0},
    {"v2/set_version 2 clears the others", reserved_h,
     [](Effects& e) {
         const Table table;
         entry_1(8) = {GTF_permit_access, 3, 0x1234};
         entry_1(16) = {GTF_permit_access, 3, 0x1234}; // where version 2 has entry 8
         entry_1(page_bytes / sizeof(grant_entry_v1_t) - 1) = {GTF_permit_access, 3, 0x1234};
         const auto result = set_version(2);
         for (std::size_t i = 8 * sizeof(grant_entry_v2_t); i < page_bytes; ++i) {
             e.equal("a byte", reinterpret_cast<const unsigned char*>(table_at)[i], 0);
         }
         return result;
     },
     0},
    {"v2/set_version 2, a mark of use of nobody's", set_version_h,
     [](Effects& e) {
         const Table table;
         entry_1(plain) = {GTF_permit_access | GTF_reading | GTF_writing, 3, 0x1234};
         const auto result = set_version(2);
         e.equal("get_version", version_now(), 2);
         return result;
     },
     0},
    {"v2/set_version 1 keeps the first eight", reserved_h,
     [](Effects& e) {
         const Version2 version;
         offer(kept, 3, scratch[1], GTF_readonly);
         offer(plain, 3, scratch[1]);
         const auto result = set_version(1);
         const grant_entry_v1_t is = entry_1(kept);
         e.equal("flags", is.flags, GTF_permit_access | GTF_readonly);
         e.equal("domain", is.domid, 3);
         e.check("frame", is.frame == frame_of(scratch[1]));
         for (std::size_t i = 8 * sizeof(grant_entry_v1_t); i < page_bytes; ++i) {
             e.equal("a byte behind", reinterpret_cast<const unsigned char*>(table_at)[i], 0);
         }
         return result;
     },
     0},
    {"v2/set_version 1, a transfer among the first eight", reserved_h,
     [](Effects& e) {
         const Version2 version;
         offer(kept, 3, scratch[1]);
         entry_2(kept).hdr.flags = GTF_accept_transfer;
         const auto result = set_version(1);
         e.equal("gone", entry_1(kept).flags, 0);
         return result;
     },
     0},
    {"v2/set_version 1, a frame of 33 bits", reserved_h,
     [](Effects& e) {
         return back_with(e, [] {
             offer(kept, 3, scratch[1]);
             entry_2(kept).full_page.frame |= std::uint64_t{1} << 32;
         });
     },
     -XEN_ERANGE},
    {"v2/set_version 1, a transitive entry", reserved_h,
     [](Effects& e) { return back_with(e, [] { offer_of_another(kept, 3, 0, 8); }); }, -XEN_ERANGE},
    {"v2/set_version 1, a part of a page",
     reserved_h,
     [](Effects& e) { return back_with(e, [] { offer_part(kept, 3, scratch[1], 16, 32); }); },
     -XEN_ERANGE,
     any_width,
     {0, "Xen offers the whole page from then on. Version 1 cannot say what was meant."}},
    {"v2/set_version 1, others that it cannot say", reserved_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, 3, scratch[1]);
         entry_2(plain).full_page.frame |= std::uint64_t{1} << 32;
         offer_of_another(plain + 1, 3, 0, 8);
         const auto result = set_version(1);
         e.equal("get_version", version_now(), 1);
         return result;
     },
     0},
    {"v2/set_version 1, the status frame vanishes", set_version_h,
     [](Effects& e) {
         const Version2 version;
         const auto result = set_version(1);
         e.equal("remove", remove_at(status_at), -XEN_ENOENT);
         return result;
     },
     0},
    {"v2/set_version 1, the marks are cleared", set_version_h,
     [](Effects& e) {
         {
             const Version2 version;
             mark(plain) = 0xffff;
         }
         const Version2 version;
         e.equal("mark", mark(plain), 0);
         return version.result;
     },
     0},
    {"v2/swap", swap_h,
     [](Effects& e) {
         const Version2 version;
         fill_two();
         const auto result = swap(e, plain, plain + 1, GNTST_okay);
         e.check("first", is_of_another(plain));
         e.check("second", is_part(plain + 1));
         return result;
     },
     0},
    {"v2/swap with itself", swap_h,
     [](Effects& e) {
         const Version2 version;
         fill_two();
         const auto result = swap(e, plain, plain, GNTST_okay);
         e.check("it", is_part(plain));
         return result;
     },
     0},
    {"v2/swap with an empty one of the first eight", swap_h,
     [](Effects& e) {
         const Version2 version;
         fill_two();
         const auto result = swap(e, plain, kept, GNTST_okay);
         e.check("there", is_part(kept));
         e.equal("empty", entry_2(plain).hdr.flags, 0);
         return result;
     },
     0},
    {"v2/swap with the last", swap_h,
     [](Effects& e) {
         const Version2 version;
         fill_two();
         const auto last = table_frames() * entries_per_frame - 1;
         const auto result = swap(e, plain, last, GNTST_okay);
         e.equal("back", swap(e, plain, last, GNTST_okay), 0);
         e.check("as before", is_part(plain));
         return result;
     },
     0},
    {"v2/swap with what only version 1 has", swap_h,
     [](Effects& e) {
         const Version2 version;
         fill_two();
         const auto result = swap(e, plain, table_frames() * entries_per_frame, GNTST_bad_gntref);
         e.check("untouched", is_part(plain));
         return result;
     },
     0},
    {"v2/swap, a mark of use of nobody's",
     swap_h,
     [](Effects& e) {
         const Version2 version;
         fill_two();
         mark(plain) = GTF_reading;
         const auto result = swap(e, plain, plain + 1, GNTST_eagain);
         e.check("untouched", is_part(plain) && is_of_another(plain + 1));
         return result;
     },
     0,
     any_width,
     {0, "Xen swaps: it keeps what is in use to itself. Here the mark in the guest's own table counts.", false}},
};

} // namespace

const Group version_2_rows{"grant_table_op, version 2", rows};

} // namespace bulkhead::conformance
