// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_copy. The monitor copies: its own guest's pages it sees, others' pages the component lays into its window
// for as long as it takes, and only those that their owners offer. It must not know: what is offered.
#include "grant.hpp"

#include "ask.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint32_t places = sizeof(bulkhead_GrantOpen::item) / sizeof(bulkhead_GrantOpenItem);
static_assert(places == layout::grant_window_pages);
constexpr std::size_t at_once = places / 2; ///< two pages each at most

using Copy = bulkhead_guest_GnttabCopy;

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

/// One side of a copy, looked up.
struct Side {
    bool by_ref{false};
    std::uint32_t place{0}; ///< in the window, if by_ref
    Gfn gfn{};              ///< else
    std::int32_t status{GNTST_okay};
};

/// The pages of a batch that are to be laid open. One that comes several times, as when a large packet is copied piece
/// by piece, is laid open once.
class Pages {
public:
    explicit Pages(const Call& call) : call_{call} { request_.which_request = bulkhead_GrantRequest_open_tag; }

    /// In Xen's order: who, then what.
    Side side(const End& end, bool write) {
        Side side{.by_ref = end.by_ref, .gfn = Gfn{end.what}};
        if (!end.by_ref) {
            side.status = end.domain == DOMID_SELF ? GNTST_okay : GNTST_permission_denied;
            return side;
        }
        const DomainName name = name_domain(call_, end.domain);
        if (!name.exists) {
            side.status = GNTST_bad_domain;
            return side;
        }
        bulkhead_GrantOpen& open = request_.request.open;
        const bulkhead_GrantOpenItem wanted{name.id, static_cast<std::uint32_t>(end.what), write};
        for (side.place = 0; side.place < open.item_count; ++side.place) {
            const bulkhead_GrantOpenItem& item = open.item[side.place];
            if (item.domain == wanted.domain && item.ref == wanted.ref && item.write == wanted.write) {
                return side;
            }
        }
        open.item[open.item_count++] = wanted;
        return side;
    }
    void open() {
        if (request_.request.open.item_count != 0) {
            reply_ = ask_grant(request_);
        }
    }
    void close() {
        if (request_.request.open.item_count != 0) {
            request_.request.open.item_count = 0;
            (void)ask_grant(request_); // a component that has gone has taken its mappings with it
        }
    }
    /// The page, or nullptr and the side's status says why.
    std::uint8_t* page(Side& side) const {
        if (side.status != GNTST_okay) {
            return nullptr;
        }
        if (!side.by_ref) {
            std::uint8_t* own = call_.d.memory.page(side.gfn);
            side.status = own != nullptr ? GNTST_okay : GNTST_bad_page;
            return own;
        }
        side.status = reply_.result == 0 && side.place < reply_.outcome_count ? reply_.outcome[side.place].status
                                                                              : GNTST_general_error;
        return side.status == GNTST_okay ? call_.d.grant.window + side.place * page_size : nullptr;
    }

private:
    const Call& call_;
    bulkhead_GrantRequest request_{};
    bulkhead_GrantReply reply_{};
};

std::int32_t copy_one(const Pages& pages, const Copy& op, Side& source, Side& dest) {
    // Who is meant is settled for both sides before either page is looked at.
    if (source.status != GNTST_okay || dest.status != GNTST_okay) {
        return source.status != GNTST_okay ? source.status : dest.status;
    }
    const std::uint8_t* from = pages.page(source);
    if (from == nullptr) {
        return source.status;
    }
    std::uint8_t* to = pages.page(dest);
    if (to == nullptr) {
        return dest.status;
    }
    if (op.source_offset + op.len > page_size || op.dest_offset + op.len > page_size) { // all of 16 bits
        return GNTST_bad_copy_arg;
    }
    __builtin_memmove(to + op.dest_offset, from + op.source_offset, op.len);
    return GNTST_okay;
}

void copy_some(Call& call, std::span<Copy> ops) {
    Pages pages{call};
    Side source[at_once];
    Side dest[at_once];
    for (std::size_t i = 0; i < ops.size(); ++i) {
        source[i] = pages.side(source_of(ops[i]), false);
        dest[i] = pages.side(dest_of(ops[i]), true);
    }
    pages.open();
    for (std::size_t i = 0; i < ops.size(); ++i) {
        ops[i].status = copy_one(pages, ops[i], source[i], dest[i]);
    }
    pages.close();
}

} // namespace

xen::Result grant_copy(Call& call) {
    return in_batches<Copy, at_once>(call, [&](std::span<Copy> ops) { copy_some(call, ops); });
}

} // namespace bulkhead::vcpu
