// SPDX-License-Identifier: Apache-2.0
// A grant table of version 2 that a peer uses (public/grant_table.h): its marks, and what may not be changed meanwhile.
#include "../beside.hpp"
#include "version_2.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* marks_h = "public/grant_table.h, GTF_reading, GTF_writing";
constexpr const char* swap_h = "public/grant_table.h, GNTTABOP_swap_grant_ref";
constexpr std::uint32_t writing = GNTMAP_host_map, reading = GNTMAP_host_map | GNTMAP_readonly;
constexpr OnXen not_offered_here{
    0, "Xen copies. Parts of pages and transitive grants are not offered here (decision 18).", false};

gnttab_map_grant_ref map(grant_ref_t reference, std::uint32_t flags, std::uint32_t at = 0) {
    gnttab_map_grant_ref m{};
    m.dom = own_domain();
    m.ref = reference;
    m.flags = flags;
    m.host_addr = window(at);
    m.status = 77;
    (void)ask_peer(GNTTABOP_map_grant_ref, m);
    return m;
}
/// What the peer has mapped, until the row ends.
struct Mapped {
    gnttab_map_grant_ref m;

    Mapped(grant_ref_t reference, std::uint32_t flags, std::uint32_t at = 0) : m{map(reference, flags, at)} {}
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;
    ~Mapped() {
        if (m.status == GNTST_okay) {
            (void)unmap();
        }
    }
    std::int16_t unmap() {
        gnttab_unmap_grant_ref u{};
        u.host_addr = m.host_addr;
        u.handle = m.handle;
        u.status = 77;
        (void)ask_peer(GNTTABOP_unmap_grant_ref, u);
        m.status = 77;
        return u.status;
    }
};
/// A map that must be refused, and leaves no mark.
std::int64_t refused(Effects& e, grant_ref_t reference, std::uint32_t flags, std::int16_t status) {
    const Mapped mapped{reference, flags};
    e.equal("mark", mark(reference), 0);
    e.equal("status", mapped.m.status, status);
    return 0;
}
/// The peer copies from an entry of ours to a page of its own.
std::int64_t copied(Effects& e, grant_ref_t reference, std::int16_t status) {
    gnttab_copy c{};
    c.source.u.ref = reference;
    c.source.domid = own_domain();
    c.dest.u.gmfn = frame_of(ballast);
    c.dest.domid = DOMID_SELF;
    c.len = 16;
    c.flags = GNTCOPY_source_gref;
    c.status = 77;
    const auto result = ask_peer(GNTTABOP_copy, c);
    e.equal("status", c.status, status);
    e.equal("mark", mark(reference), 0);
    return result;
}

constexpr Row rows[] = {
    {"v2 peer/the peer is in version 2", set_version_h,
     [](Effects& e) {
         gnttab_get_version g{};
         g.dom = DOMID_SELF;
         const auto result = ask_peer(GNTTABOP_get_version, g);
         e.equal("version", g.version, 2);
         return result;
     },
     0},
    {"v2 peer/marks of a page mapped for writing", marks_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         Mapped mapped{plain, writing};
         e.equal("map", mapped.m.status, GNTST_okay);
         e.equal("mapped", mark(plain), GTF_reading | GTF_writing);
         e.equal("flags", entry_2(plain).hdr.flags, GTF_permit_access);
         e.equal("unmap", mapped.unmap(), GNTST_okay);
         e.equal("unmapped", mark(plain), 0);
         return version.result;
     },
     0},
    {"v2 peer/marks of a page mapped for reading", marks_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1], GTF_readonly);
         Mapped mapped{plain, reading};
         e.equal("map", mapped.m.status, GNTST_okay);
         e.equal("mapped", mark(plain), GTF_reading);
         e.equal("unmap", mapped.unmap(), GNTST_okay);
         e.equal("unmapped", mark(plain), 0);
         return version.result;
     },
     0},
    {"v2 peer/marks of one of the first eight", marks_h,
     [](Effects& e) {
         const Version2 version;
         offer(kept, peer(), scratch[1]);
         Mapped mapped{kept, writing};
         e.equal("mapped", mark(kept), GTF_reading | GTF_writing);
         e.equal("unmap", mapped.unmap(), GNTST_okay);
         e.equal("unmapped", mark(kept), 0);
         return version.result;
     },
     0},
    {"v2 peer/marks of a page mapped twice", marks_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         Mapped first{plain, reading};
         e.equal("for reading", mark(plain), GTF_reading);
         Mapped second{plain, writing, 1};
         e.equal("for writing too", mark(plain), GTF_reading | GTF_writing);
         e.equal("unmap second", second.unmap(), GNTST_okay);
         e.equal("for reading again", mark(plain), GTF_reading);
         e.equal("unmap first", first.unmap(), GNTST_okay);
         e.equal("unmapped", mark(plain), 0);
         return version.result;
     },
     0},
    {"v2 peer/marks that the owner clears", marks_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         Mapped mapped{plain, writing};
         mark(plain) = 0;
         entry_2(plain).hdr.flags = 0;
         e.equal("in use", set_version(1), -XEN_EBUSY);
         e.equal("unmap", mapped.unmap(), GNTST_okay);
         e.equal("unmapped", mark(plain), 0);
         return version.result;
     },
     0},
    {"v2 peer/unmap what is withdrawn", marks_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         Mapped mapped{plain, writing};
         entry_2(plain).hdr.flags = 0;
         e.equal("mapped", mark(plain), GTF_reading | GTF_writing);
         e.equal("unmap", mapped.unmap(), GNTST_okay);
         e.equal("unmapped", mark(plain), 0);
         return version.result;
     },
     0},
    {"v2 peer/map a read-only entry for writing", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1], GTF_readonly);
         return refused(e, plain, writing, GNTST_general_error);
     },
     0},
    {"v2 peer/map what somebody else is offered", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, somebody_else, scratch[1]);
         return refused(e, plain, writing, GNTST_general_error);
     },
     0},
    {"v2 peer/map a frame without RAM", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         entry_2(plain).full_page.frame = frame_without_ram();
         return refused(e, plain, writing, GNTST_bad_page);
     },
     0},
    {"v2 peer/map a part of a page", "public/grant_table.h, GTF_sub_page",
     [](Effects& e) {
         const Version2 version;
         offer_part(plain, peer(), scratch[1], 0, page_bytes);
         return refused(e, plain, reading, GNTST_general_error);
     },
     0},
    {"v2 peer/map a transitive entry", "public/grant_table.h, GTF_transitive",
     [](Effects& e) {
         const Version2 version;
         offer_of_another(plain, peer(), peer(), writable_ref);
         return refused(e, plain, reading, GNTST_general_error);
     },
     0},
    {"v2 peer/map what only version 1 has", entry_h,
     [](Effects& e) {
         const Version2 version;
         const Mapped mapped{table_frames() * entries_per_frame, writing};
         e.equal("status", mapped.m.status, GNTST_bad_gntref);
         return version.result;
     },
     0},
    {"v2 peer/copy from a whole page", entry_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         return copied(e, plain, GNTST_okay);
     },
     0},
    {"v2 peer/copy from a part of a page", "public/grant_table.h, GTF_sub_page",
     [](Effects& e) {
         const Version2 version;
         offer_part(plain, peer(), scratch[1], 0, 16);
         return copied(e, plain, GNTST_general_error);
     },
     0, any_width, not_offered_here},
    {"v2 peer/copy from a transitive entry", "public/grant_table.h, GTF_transitive",
     [](Effects& e) {
         const Version2 version;
         offer_of_another(plain, peer(), peer(), writable_ref); // which the peer offers us
         return copied(e, plain, GNTST_general_error);
     },
     0, any_width, not_offered_here},
    {"v2 peer/copy from a transitive entry to nothing", "public/grant_table.h, GTF_transitive",
     [](Effects& e) {
         const Version2 version;
         offer_of_another(plain, peer(), peer(), others_ref); // which is not for us
         return copied(e, plain, GNTST_general_error);
     },
     0},
    {"v2 peer/set_version 1, an entry mapped", set_version_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         const Mapped mapped{plain, reading};
         std::uint32_t now = 0;
         const auto result = set_version(1, &now);
         e.equal("version", now, 2);
         e.equal("entry", entry_2(plain).hdr.flags, GTF_permit_access);
         e.equal("mark", mark(plain), GTF_reading);
         return result;
     },
     -XEN_EBUSY},
    {"v2 peer/set_version 2, an entry mapped", set_version_h,
     [](Effects& e) {
         const Table table;
         entry_1(plain) = {GTF_permit_access, peer(), static_cast<std::uint32_t>(frame_of(scratch[1]))};
         const Mapped mapped{plain, reading};
         std::uint32_t now = 0;
         const auto result = set_version(2, &now);
         e.equal("version", now, 1);
         e.equal("entry", entry_1(plain).flags, GTF_permit_access | GTF_reading);
         return result;
     },
     -XEN_EBUSY},
    {"v2 peer/set_version 2, one of the first eight mapped",
     set_version_h,
     [](Effects& e) {
         const Table table;
         entry_1(kept) = {GTF_permit_access, peer(), static_cast<std::uint32_t>(frame_of(scratch[1]))};
         const Mapped mapped{kept, reading};
         std::uint32_t now = 0;
         const auto result = set_version(2, &now);
         e.equal("version", now, 1);
         return result;
     },
     -XEN_EBUSY,
     any_width,
     {0, "Xen lets the first eight be mapped meanwhile. Here a table is read anew only while nothing of it is.",
      false}},
    {"v2 peer/set_version 2 when it is unmapped", set_version_h,
     [](Effects& e) {
         const Table table;
         entry_1(plain) = {GTF_permit_access, peer(), static_cast<std::uint32_t>(frame_of(scratch[1]))};
         Mapped mapped{plain, reading};
         e.equal("unmap", mapped.unmap(), GNTST_okay);
         return set_version(2);
     },
     0},
    {"v2 peer/set_version of the peer, who offers a page", set_version_h,
     [](Effects& e) {
         gnttab_set_version s{1};
         const auto result = ask_peer(GNTTABOP_set_version, s); // the exchange is mapped
         e.equal("version", s.version, 2);
         return result;
     },
     -XEN_EBUSY},
    {"v2 peer/swap an entry that is mapped", swap_h,
     [](Effects& e) {
         const Version2 version;
         offer(plain, peer(), scratch[1]);
         offer(plain + 1, peer(), scratch[2]);
         const Mapped mapped{plain + 1, reading};
         gnttab_swap_grant_ref s{plain, plain + 1, 77};
         const auto result = grant(GNTTABOP_swap_grant_ref, s);
         e.equal("status", s.status, GNTST_eagain);
         e.check("first", entry_2(plain).full_page.frame == frame_of(scratch[1]));
         e.check("second", entry_2(plain + 1).full_page.frame == frame_of(scratch[2]));
         e.equal("flags", entry_2(plain + 1).hdr.flags, GTF_permit_access);
         return result;
     },
     0},
};

} // namespace

const Group version_2_peer_rows{"grant_table_op, version 2 with a peer", rows};

} // namespace bulkhead::conformance
