// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_copy (public/grant_table.h) within the domain itself, and what it must refuse.
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* grant_h = "public/grant_table.h, GNTTABOP_copy";

/// From scratch[1] to scratch[2], by frame.
gnttab_copy local(std::uint16_t from, std::uint16_t to, std::uint16_t length) {
    gnttab_copy c{};
    c.source.u.gmfn = frame_of(scratch[1]);
    c.source.domid = DOMID_SELF;
    c.source.offset = from;
    c.dest.u.gmfn = frame_of(scratch[2]);
    c.dest.domid = DOMID_SELF;
    c.dest.offset = to;
    c.len = length;
    c.status = 77;
    return c;
}
std::int64_t copy(gnttab_copy& c, Word count = 1) {
    return issue(__HYPERVISOR_grant_table_op, GNTTABOP_copy, address_of(c), count);
}
void fill_source() {
    for (std::size_t i = 0; i < page_bytes; ++i) {
        scratch[1][i] = static_cast<unsigned char>(i * 7 + 1);
    }
}
/// Runs a copy that must be refused, and changes nothing.
std::int64_t refused(Effects& e, gnttab_copy c, std::int16_t status) {
    fill_source();
    const auto result = copy(c);
    e.equal("status", c.status, status);
    e.equal("nothing copied", scratch[2][0], 0);
    return result;
}

constexpr Row rows[] = {
    {"grant_copy/a page", grant_h,
     [](Effects& e) {
         fill_source();
         auto c = local(0, 0, page_bytes);
         const auto result = copy(c);
         e.equal("status", c.status, GNTST_okay);
         e.check("first", scratch[2][0] == scratch[1][0]);
         e.check("last", scratch[2][page_bytes - 1] == scratch[1][page_bytes - 1]);
         e.equal("behind it", scratch[3][0], 0);
         return result;
     },
     0},
    {"grant_copy/some bytes", grant_h,
     [](Effects& e) {
         fill_source();
         auto c = local(100, 200, 3);
         const auto result = copy(c);
         e.equal("status", c.status, GNTST_okay);
         e.equal("before", scratch[2][199], 0);
         e.check("first", scratch[2][200] == scratch[1][100]);
         e.check("last", scratch[2][202] == scratch[1][102]);
         e.equal("behind", scratch[2][203], 0);
         return result;
     },
     0},
    {"grant_copy/nothing", grant_h,
     [](Effects& e) {
         auto c = local(0, 0, 0);
         const auto result = copy(c);
         e.equal("status", c.status, GNTST_okay);
         return result;
     },
     0},
    {"grant_copy/no copies", grant_h,
     [](Effects& e) {
         auto c = local(0, 0, 1);
         const auto result = copy(c, 0);
         e.equal("untouched", c.status, 77);
         return result;
     },
     0},
    {"grant_copy/two, one of them bad", grant_h,
     [](Effects& e) {
         fill_source();
         gnttab_copy two[] = {local(0, 0xffff, 1), local(0, 0, 1)};
         const auto result = copy(two[0], 2);
         e.equal("bad", two[0].status, GNTST_bad_copy_arg);
         e.equal("good", two[1].status, GNTST_okay);
         e.check("copied", scratch[2][0] == scratch[1][0]);
         return result;
     },
     0},
    {"grant_copy/source over the page", grant_h,
     [](Effects& e) { return refused(e, local(1, 0, page_bytes), GNTST_bad_copy_arg); }, 0},
    {"grant_copy/destination over the page", grant_h,
     [](Effects& e) { return refused(e, local(0, 1, page_bytes), GNTST_bad_copy_arg); }, 0},
    {"grant_copy/65535 bytes", grant_h, [](Effects& e) { return refused(e, local(0, 0, 0xffff), GNTST_bad_copy_arg); },
     0},
    {"grant_copy/frame without RAM", grant_h,
     [](Effects& e) {
         auto c = local(0, 0, 1);
         c.source.u.gmfn = frame_without_ram();
         return refused(e, c, GNTST_bad_page);
     },
     0},
    {"grant_copy/frames of another domain", grant_h,
     [](Effects& e) {
         auto c = local(0, 0, 1);
         c.source.domid = another_domain;
         return refused(e, c, GNTST_permission_denied);
     },
     0},
    {"grant_copy/nobody's reference", grant_h,
     [](Effects& e) {
         auto c = local(0, 0, 1);
         c.source.domid = no_domain;
         c.source.u.ref = 8;
         c.flags = GNTCOPY_source_gref;
         return refused(e, c, GNTST_bad_domain);
     },
     0},
    {"grant_copy/list unmapped", grant_h,
     [](Effects&) { return issue(__HYPERVISOR_grant_table_op, GNTTABOP_copy, place(Place::unmapped, 8), 1); },
     -XEN_EFAULT},
    {"grant_copy/list past RAM", grant_h,
     [](Effects&) {
         return issue(__HYPERVISOR_grant_table_op, GNTTABOP_copy, place(Place::past_ram, sizeof(gnttab_copy)), 1);
     },
     -XEN_EFAULT},
    {"grant_copy/2^32-1 copies", grant_h,
     [](Effects&) { return issue(__HYPERVISOR_grant_table_op, GNTTABOP_copy, address_of(scratch), 0xffff'ffff); },
     -XEN_EINVAL},
};

} // namespace

const Group grant_copy_rows{"grant_table_op, copy", rows};

} // namespace bulkhead::conformance
