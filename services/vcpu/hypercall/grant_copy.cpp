// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_copy. The monitor copies: its own guest's pages it sees, others' pages it has in its window for as long as
// it takes, and only those that their owners offer. It must not know: what is offered.
#include "grant.hpp"

#include <bulkhead/guarded_copy.hpp>

namespace bulkhead::vcpu {

namespace {

using Copy = bulkhead_guest_GnttabCopy;
using Side = ForeignPages::Side;
constexpr std::size_t at_once = 32;

/// What a copy says of one side.
struct End {
    std::uint32_t domain;
    bool by_ref;
    std::uint64_t what; ///< reference or frame
};
End source_of(const Copy& op) {
    const bool by_ref = (op.flags & GNTCOPY_source_gref) != 0;
    return {op.source_domid, by_ref, by_ref ? op.source.source_ref : op.source.source_gmfn};
}
End dest_of(const Copy& op) {
    const bool by_ref = (op.flags & GNTCOPY_dest_gref) != 0;
    return {op.dest_domid, by_ref, by_ref ? op.dest.dest_ref : op.dest.dest_gmfn};
}

/// GNTST_*: whether the one who is meant may be, as far as the number says it.
std::int32_t check_domain(const Call& call, const End& end) {
    if (!end.by_ref) {
        return end.domain == DOMID_SELF ? GNTST_okay : GNTST_permission_denied;
    }
    return name_domain(call, end.domain).exists ? GNTST_okay : GNTST_bad_domain;
}

/// The page, or nullptr and `status` says why.
std::uint8_t* page_of(const Call& call, const End& end, Side side, std::int32_t& status) {
    if (!end.by_ref) {
        std::uint8_t* const own = call.d.memory.page(Gfn{end.what});
        status = own != nullptr ? GNTST_okay : GNTST_bad_page;
        return own;
    }
    ForeignPages& foreign = call.d.foreign;
    status = foreign.open(side, name_domain(call, end.domain).id, static_cast<std::uint32_t>(end.what));
    return status == GNTST_okay ? foreign.page(side) : nullptr;
}

std::int32_t copy_one(const Call& call, const Copy& op) {
    const End source = source_of(op);
    const End dest = dest_of(op);
    // Who is meant is settled for both sides before either page is looked at.
    for (const End& end : {source, dest}) {
        if (const std::int32_t wrong = check_domain(call, end); wrong != GNTST_okay) {
            return wrong;
        }
    }
    std::int32_t status = GNTST_okay;
    const std::uint8_t* const from = page_of(call, source, Side::source, status);
    std::uint8_t* const to = from != nullptr ? page_of(call, dest, Side::dest, status) : nullptr;
    if (to == nullptr) {
        return status;
    }
    if (op.source_offset + op.len > page_size || op.dest_offset + op.len > page_size) { // all of 16 bits
        return GNTST_bad_copy_arg;
    }
    if (!source.by_ref && !dest.by_ref) {
        __builtin_memmove(to + op.dest_offset, from + op.source_offset, op.len);
        return GNTST_okay;
    }
    // The other domain may end, and its pages with it, at any moment.
    if (!copy_if_there(to + op.dest_offset, from + op.source_offset, op.len)) {
        call.d.foreign.close();
        return GNTST_general_error;
    }
    return GNTST_okay;
}

} // namespace

xen::Result grant_copy(Call& call) {
    return in_batches<Copy, at_once>(call, [&](std::span<Copy> ops) {
        for (Copy& op : ops) {
            op.status = copy_one(call, op);
        }
        call.d.foreign.close();
    });
}

} // namespace bulkhead::vcpu
