// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_set_version, get_version and get_status_frames. How the table is read is this monitor's to say to the
// kernel: it speaks for the owner. It must not know: other domains' pages.
#include "grant.hpp"

#include <bulkhead/sys.hpp>

#include "ask.hpp"
#include "memory.hpp"

namespace bulkhead::vcpu {

namespace {

/// The first entries are the toolstack's, and survive a change of version (public/grant_table.h,
/// GNTTAB_NR_RESERVED_ENTRIES).
constexpr std::uint32_t kept_entries = GNTTAB_NR_RESERVED_ENTRIES;
/// Flags that mean the same in both versions.
constexpr std::uint64_t common_flags = GTF_type_mask | GTF_readonly | GTF_PWT | GTF_PCD | GTF_PAT;

/// An entry that offers a page, in whichever version; header 0: none.
struct Kept {
    std::uint64_t header{0};
    std::uint64_t frame{0};
};

/// -ERANGE: one of them cannot be said in version 1.
xen::Result keep(const OwnTable& table, Kept (&kept)[kept_entries]) {
    for (std::uint32_t ref = 0; ref < kept_entries; ++ref) {
        const std::uint64_t header = __atomic_load_n(table.words(ref), __ATOMIC_ACQUIRE);
        const std::uint64_t frame =
            table.wide() ? __atomic_load_n(table.words(ref) + 1, __ATOMIC_ACQUIRE) : header >> 32;
        const std::uint64_t type = header & GTF_type_mask;
        const bool offers = type == GTF_permit_access;
        if (table.wide() &&
            (type == GTF_transitive || (offers && ((header & GTF_sub_page) != 0 || frame >> 32 != 0)))) {
            return -XEN_ERANGE;
        }
        const std::uint64_t domain = header & (std::uint64_t{0xffff} << 16);
        kept[ref] = offers ? Kept{(header & common_flags) | domain, frame} : Kept{};
    }
    return 0;
}

void restore(const OwnTable& table, const Kept (&kept)[kept_entries]) {
    for (std::uint32_t ref = 0; ref < kept_entries; ++ref) {
        std::uint64_t* const words = table.words(ref);
        if (table.wide()) {
            __atomic_store_n(words + 1, kept[ref].frame, __ATOMIC_RELAXED);
        }
        __atomic_store_n(words, kept[ref].header | (table.wide() ? 0 : kept[ref].frame << 32), __ATOMIC_RELEASE);
    }
}

/// Version 1 has no status frames: the guest does not go on seeing some.
void hide_status_frames(Domain& d) {
    for (std::uint32_t i = 0; i < max_grant_status_frames; ++i) {
        if (const Gfn place = d.memory.place_of_overlay(d.grant.status_frame(i)); place != GuestMemory::nowhere) {
            (void)take_from_physmap(d, place);
        }
    }
}

bulkhead_GrantReply ask_version(std::uint32_t version, bool check) {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_set_version_tag;
    request.request.set_version = {version, check};
    return ask_grant(request);
}

/// While the table is cleared and written anew it is closed to everybody: an entry of the one version says something
/// else in the other.
xen::Result change_version(Call& call, std::uint32_t version) {
    Domain& d = call.d;
    const std::uint32_t frames = table_frames(call);
    Kept kept[kept_entries];
    if (const xen::Result wrong = keep(OwnTable{call}, kept); wrong != 0) {
        return wrong;
    }
    if (const Status closed = sys::offers_format(slot::own_offers, OfferFormat::closed); closed != Status::ok) {
        return -XEN_EBUSY; // somebody has one of its pages mapped
    }
    if (version == 1) {
        hide_status_frames(d);
    }
    __builtin_memset(d.grant.table, 0, frames * page_size);
    __builtin_memset(d.grant.status_frame(0), 0, max_grant_status_frames * page_size);
    d.grant.version = version;
    restore(OwnTable{call}, kept);
    const OfferFormat format = version == 2 ? OfferFormat::version_2 : OfferFormat::version_1;
    const Status opened = sys::offers_format(slot::own_offers, format);
    if (opened != Status::ok) {
        d.crash(call.v, "the kernel does not read the grant table any more");
        return -XEN_EINVAL;
    }
    return ask_version(version, false).result;
}

xen::Result go_to_version(Call& call, std::uint32_t version) {
    if (version != 1 && version != 2) {
        return -XEN_EINVAL;
    }
    const bulkhead_GrantReply reply = ask_version(version, true);
    return reply.result == 0 && version != reply.version ? change_version(call, version) : reply.result;
}

} // namespace

/// As in Xen, the count is not looked at, and the guest learns the version now in use, success or not.
xen::Result grant_set_version(Call& call) {
    bulkhead_guest_GnttabSetVersion set;
    if (!read_argument(call, call.arg[1], set) ||
        !results_writable<bulkhead_guest_GnttabSetVersion>(call, call.arg[1])) {
        return -XEN_EFAULT;
    }
    const xen::Result result = go_to_version(call, set.version);
    set.version = call.d.grant.version;
    const xen::Result written = write_results(call, call.arg[1], set);
    return written != 0 ? written : result;
}

xen::Result grant_get_version(Call& call) {
    return with_in_out<bulkhead_guest_GnttabGetVersion>(
        call, call.arg[1], [&](bulkhead_guest_GnttabGetVersion& get) -> xen::Result {
            if (const xen::Result wrong = own_domain_only(call, get.dom); wrong != 0) {
                return wrong;
            }
            bulkhead_GrantRequest request{};
            request.which_request = bulkhead_GrantRequest_get_version_tag;
            request.request.get_version.domain = call.d.config.domain.value;
            const bulkhead_GrantReply reply = ask_grant(request);
            get.version = reply.version;
            return reply.result;
        });
}

namespace {

using GetStatusFrames = bulkhead_guest_GnttabGetStatusFrames;

std::int32_t list_status_frames(Call& call, const GetStatusFrames& get) {
    const std::uint32_t there = call.d.grant.version == 2 ? grant_status_frames(table_frames(call)) : 0;
    if (get.nr_frames > there) {
        return GNTST_general_error;
    }
    std::int32_t status = GNTST_okay;
    for (std::uint32_t i = 0; i < get.nr_frames; ++i) {
        const std::uint64_t at = get.frame_list + i * sizeof(std::uint64_t); // of 64 bits for all guests
        const bool written = addressable(call.wide, at, sizeof(std::uint64_t)) &&
                             call.access.put(at, place_of_frame(call, call.d.grant.status_frame(i)));
        status = written ? status : GNTST_bad_virt_addr;
    }
    return status;
}

} // namespace

/// Where a domain cannot have version 2 the answer is Xen's to any domain like ours.
xen::Result grant_get_status_frames(Call& call) {
    if (call.d.config.max_grant_version < 2) {
        return -XEN_ENOSYS;
    }
    if (call.arg[2] != 1) {
        return -XEN_EINVAL;
    }
    return with_in_out<GetStatusFrames>(call, call.arg[1], [&](GetStatusFrames& get) -> xen::Result {
        const std::int32_t wrong = own_table_only(call, get.dom);
        get.status = wrong != GNTST_okay ? wrong : list_status_frames(call, get);
        return 0;
    });
}

} // namespace bulkhead::vcpu
