// SPDX-License-Identifier: Apache-2.0
// What entries of version 2 offer (public/grant_table.h): the domain copies by references of its own.
#include "version_2.hpp"

namespace bulkhead::conformance {
namespace {

constexpr std::size_t bytes = 16;
constexpr OnXen parts_to_copy{0, "Xen copies. Parts of pages are not offered here (decision 18).", false};

/// From scratch[2], which is full of that.
constexpr unsigned char filling = 0x5b;

gnttab_copy copy_from(grant_ref_t reference, std::uint16_t offset = 0) {
    __builtin_memset(scratch[2], filling, page_bytes);
    gnttab_copy c{};
    c.source.u.ref = reference;
    c.source.domid = DOMID_SELF;
    c.source.offset = offset;
    c.dest.u.gmfn = frame_of(scratch[1]);
    c.dest.domid = DOMID_SELF;
    c.len = bytes;
    c.flags = GNTCOPY_source_gref;
    c.status = 77;
    return c;
}
gnttab_copy copy_to(grant_ref_t reference) {
    gnttab_copy c = copy_from(0);
    c.dest = c.source;
    c.dest.u.ref = reference;
    c.source.u.gmfn = frame_of(scratch[1]);
    c.flags = GNTCOPY_dest_gref;
    return c;
}
std::int64_t good(Effects& e, gnttab_copy c) {
    const auto result = grant(GNTTABOP_copy, c);
    e.equal("status", c.status, GNTST_okay);
    e.equal("first", scratch[1][0], filling);
    e.equal("last", scratch[1][bytes - 1], filling);
    e.equal("behind", scratch[1][bytes], 0);
    return result;
}
std::int64_t refused(Effects& e, gnttab_copy c, std::int16_t status) {
    const auto result = grant(GNTTABOP_copy, c);
    e.equal("status", c.status, status);
    e.equal("nothing read", scratch[1][0], 0);
    e.equal("nothing written", scratch[2][0], filling);
    if (c.source.u.ref == plain) {
        e.equal("mark", mark(plain), 0);
    }
    return result;
}

/// Copies by an entry that `put` has written over one that offers scratch[2].
std::int64_t good_with(Effects& e, void (*put)()) {
    const Version2 version;
    offer(plain, own_domain(), scratch[2]);
    put();
    return good(e, copy_from(plain));
}
template <std::int16_t Status> std::int64_t refused_with(Effects& e, void (*put)()) {
    const Version2 version;
    offer(plain, own_domain(), scratch[2]);
    put();
    return refused(e, copy_from(plain), Status);
}
template <std::uint16_t Offset> std::int64_t refused_part(Effects& e, std::uint16_t from, std::uint16_t length) {
    const Version2 version;
    offer_part(plain, own_domain(), scratch[2], from, length);
    return refused(e, copy_from(plain, Offset), GNTST_general_error);
}

constexpr Row rows[] = {
    {"v2 entry/a whole page", entry_h, [](Effects& e) { return good_with(e, [] {}); }, 0},
    {"v2 entry/its mark is clear after a copy", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, own_domain(), scratch[2]);
         const auto result = good(e, copy_from(plain));
         e.equal("mark", mark(plain), 0);
         e.equal("flags", entry_2(plain).hdr.flags, GTF_permit_access);
         return result;
     },
     0},
    {"v2 entry/one of the first eight", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(kept, own_domain(), scratch[2]);
         return good(e, copy_from(kept));
     },
     0},
    {"v2 entry/one that survived the change", entry_h,
     [](Effects& e) {
         const Table table;
         entry_1(kept) = {GTF_permit_access, own_domain(), static_cast<std::uint32_t>(frame_of(scratch[2]))};
         e.equal("set_version", set_version(2), 0);
         return good(e, copy_from(kept));
     },
     0},
    {"v2 entry/the last of a frame", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(entries_per_frame - 1, own_domain(), scratch[2]);
         return good(e, copy_from(entries_per_frame - 1));
     },
     0},
    {"v2 entry/past the table", entry_h,
     [](Effects& e) {
         const Version2 version;
         return refused(e, copy_from(table_frames() * entries_per_frame), GNTST_bad_gntref);
     },
     0},
    {"v2 entry/an empty one", entry_h,
     [](Effects& e) { return refused_with<GNTST_general_error>(e, [] { entry_2(plain).hdr.flags = 0; }); }, 0},
    {"v2 entry/for somebody else", entry_h,
     [](Effects& e) { return refused_with<GNTST_general_error>(e, [] { entry_2(plain).hdr.domid = no_domain; }); }, 0},
    {"v2 entry/a transfer", entry_h,
     [](Effects& e) {
         return refused_with<GNTST_general_error>(e, [] { entry_2(plain).hdr.flags = GTF_accept_transfer; });
     },
     0},
    {"v2 entry/a frame without RAM", entry_h,
     [](Effects& e) {
         return refused_with<GNTST_bad_page>(e, [] { entry_2(plain).full_page.frame = frame_without_ram(); });
     },
     0},
    {"v2 entry/a frame of 33 bits", entry_h,
     [](Effects& e) {
         return refused_with<GNTST_bad_page>(e, [] { entry_2(plain).full_page.frame |= std::uint64_t{1} << 32; });
     },
     0},
    {"v2 entry/a frame of 53 bits", entry_h,
     [](Effects& e) {
         return refused_with<GNTST_bad_page>(e, [] { entry_2(plain).full_page.frame |= std::uint64_t{1} << 52; });
     },
     0},
    {"v2 entry/frame 2^64-1", entry_h,
     [](Effects& e) {
         return refused_with<GNTST_bad_page>(e, [] { entry_2(plain).full_page.frame = ~std::uint64_t{0}; });
     },
     0},
    {"v2 entry/a frame of the table itself",
     entry_h,
     [](Effects& e) {
         return refused_with<GNTST_bad_page>(e, [] { entry_2(plain).full_page.frame = table_at / page_bytes; });
     },
     0,
     any_width,
     {0, "Xen copies: a table's frames are its domain's memory. Here they are nobody's to offer.", false}},
    {"v2 entry/marks of version 1 in the flags", entry_h,
     [](Effects& e) { return good_with(e, [] { entry_2(plain).hdr.flags |= GTF_reading | GTF_writing; }); }, 0},
    {"v2 entry/cache attributes", entry_h,
     [](Effects& e) { return good_with(e, [] { entry_2(plain).hdr.flags |= GTF_PWT | GTF_PCD | GTF_PAT; }); }, 0},
    {"v2 entry/unknown flags", entry_h,
     [](Effects& e) { return good_with(e, [] { entry_2(plain).hdr.flags |= 0xfe00; }); }, 0},
    {"v2 entry/bits in the padding", entry_h,
     [](Effects& e) { return good_with(e, [] { entry_2(plain).full_page.pad0 = ~0u; }); }, 0},
    {"v2 entry/version 1's form has frame 0", entry_h,
     [](Effects& e) {
         const Version2 version;
         auto c = copy_from(0);
         c.source.u.gmfn = 0;
         c.flags = 0;
         c.dest.u.gmfn = frame_of(scratch[3]);
         e.equal("frame 0", grant(GNTTABOP_copy, c), 0);
         reinterpret_cast<grant_entry_v1_t&>(entry_2(plain)) = {GTF_permit_access, own_domain(),
                                                                static_cast<std::uint32_t>(frame_of(scratch[2]))};
         c = copy_from(plain);
         const auto result = grant(GNTTABOP_copy, c);
         e.equal("status", c.status, GNTST_okay);
         e.check("frame 0 read", __builtin_memcmp(scratch[1], scratch[3], bytes) == 0);
         return result;
     },
     0},
    {"v2 entry/marks that the guest wrote", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, own_domain(), scratch[2]);
         mark(plain) = 0xffff;
         const auto result = good(e, copy_from(plain));
         e.equal("mark", mark(plain), 0xffff & ~GTF_reading);
         return result;
     },
     0},
    {"v2 entry/copy to a whole page", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, own_domain(), scratch[2]);
         auto c = copy_to(plain);
         const auto result = grant(GNTTABOP_copy, c);
         e.equal("status", c.status, GNTST_okay);
         e.equal("last", scratch[2][bytes - 1], 0);
         e.equal("behind", scratch[2][bytes], filling);
         e.equal("mark", mark(plain), 0);
         return result;
     },
     0},
    {"v2 entry/copy from a read-only one", entry_h,
     [](Effects& e) { return good_with(e, [] { entry_2(plain).hdr.flags |= GTF_readonly; }); }, 0},
    {"v2 entry/copy to a read-only one", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, own_domain(), scratch[2], GTF_readonly);
         return refused(e, copy_to(plain), GNTST_general_error);
     },
     0},
    {"v2 entry/copy within a part of a page", entry_h, [](Effects& e) { return refused_part<100>(e, 100, bytes); }, 0,
     any_width, parts_to_copy},
    {"v2 entry/copy before a part of a page", entry_h, [](Effects& e) { return refused_part<99>(e, 100, bytes + 1); },
     0},
    {"v2 entry/copy over a part of a page's end", entry_h, [](Effects& e) { return refused_part<101>(e, 100, bytes); },
     0},
    {"v2 entry/copy from a part of no bytes", entry_h, [](Effects& e) { return refused_part<100>(e, 100, 0); }, 0},
    {"v2 entry/copy from a part that is all of a page", entry_h,
     [](Effects& e) { return refused_part<0>(e, 0, page_bytes); }, 0, any_width, parts_to_copy},
    {"v2 entry/a part's flag in version 1", entry_h,
     [](Effects& e) {
         const Table table;
         entry_1(plain) = {GTF_permit_access | GTF_sub_page, own_domain(),
                           static_cast<std::uint32_t>(frame_of(scratch[2]))};
         return good(e, copy_from(plain));
     },
     0},
    {"v2 entry/transitive, of the domain itself", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(kept, own_domain(), scratch[2]);
         offer_of_another(plain, own_domain(), own_domain(), kept);
         return refused(e, copy_from(plain), GNTST_general_error);
     },
     0},
    {"v2 entry/transitive, of nobody", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer_of_another(plain, own_domain(), no_domain, 8);
         return refused(e, copy_from(plain), GNTST_general_error);
     },
     0},
    {"v2 entry/transitive in version 1", entry_h,
     [](Effects& e) {
         const Table table;
         entry_1(plain) = {GTF_transitive, own_domain(), static_cast<std::uint32_t>(frame_of(scratch[2]))};
         auto c = copy_from(plain);
         const auto result = grant(GNTTABOP_copy, c);
         e.equal("status", c.status, GNTST_general_error);
         return result;
     },
     0},
};

} // namespace

const Group version_2_entry_rows{"grant_table_op, entries of version 2", rows};

} // namespace bulkhead::conformance
