// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_grant_table_op (public/grant_table.h): the operations on the table itself. Entries are plain memory. It
// must not know: other domains' pages.
#include "grant.hpp"

#include "ask.hpp"

namespace bulkhead::vcpu {

namespace {

using GrantRequest = bulkhead_GrantRequest;
using GrantReply = bulkhead_GrantReply;

xen::Result query_size(Call& call) {
    if (call.arg[2] != 1) {
        return -XEN_EINVAL;
    }
    return with_in_out<bulkhead_guest_GnttabQuerySize>(
        call, call.arg[1], [&](bulkhead_guest_GnttabQuerySize& query) -> xen::Result {
            const DomainName name = name_domain(call, query.dom);
            if (!name.own) {
                query.status = name.exists ? GNTST_permission_denied : GNTST_bad_domain;
                return 0;
            }
            GrantRequest request{};
            request.which_request = bulkhead_GrantRequest_query_size_tag;
            request.request.query_size.domain = name.id;
            const GrantReply reply = ask_grant(request);
            query.nr_frames = reply.frames;
            query.max_nr_frames = reply.max_frames;
            query.status = reply.status;
            return reply.result;
        });
}

/// As in Xen, the count is not looked at.
xen::Result set_version(Call& call) {
    bulkhead_guest_GnttabSetVersion set;
    if (!read_argument(call, call.arg[1], set) ||
        !results_writable<bulkhead_guest_GnttabSetVersion>(call, call.arg[1])) {
        return -XEN_EFAULT;
    }
    if (set.version != 1 && set.version != 2) {
        return -XEN_EINVAL;
    }
    GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_set_version_tag;
    request.request.set_version.version = set.version;
    const GrantReply reply = ask_grant(request);
    set.version = reply.version; // the version now in use, success or not
    const xen::Result written = reply.version != 0 ? write_results(call, call.arg[1], set) : 0;
    return written != 0 ? written : reply.result;
}

xen::Result get_version(Call& call) {
    return with_in_out<bulkhead_guest_GnttabGetVersion>(
        call, call.arg[1], [&](bulkhead_guest_GnttabGetVersion& get) -> xen::Result {
            if (const xen::Result wrong = own_domain_only(call, get.dom); wrong != 0) {
                return wrong;
            }
            GrantRequest request{};
            request.which_request = bulkhead_GrantRequest_get_version_tag;
            request.request.get_version.domain = call.d.config.domain.value;
            const GrantReply reply = ask_grant(request);
            get.version = reply.version;
            return reply.result;
        });
}

using SetupTable = bulkhead_guest_GnttabSetupTable;

/// GNTST_*: who may ask about whose table.
std::int32_t own_table_only(const Call& call, std::uint32_t id) {
    const DomainName name = name_domain(call, id);
    return name.own ? GNTST_okay : name.exists ? GNTST_permission_denied : GNTST_bad_domain;
}

std::uint32_t table_frames(const Call& call) {
    GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_query_size_tag;
    request.request.query_size.domain = call.d.config.domain.value;
    const GrantReply reply = ask_grant(request);
    return reply.result == 0 ? reply.frames : 0;
}

/// Where the guest has mapped the frames: it sees no other addresses. All ones for one that is nowhere, as in Xen.
std::int32_t set_up_table(Call& call, const SetupTable& setup) {
    if (setup.nr_frames > max_grant_frames) { // no table has more, whatever the component says
        return GNTST_general_error;
    }
    GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_setup_table_tag;
    request.request.setup_table.frames = setup.nr_frames;
    const GrantReply reply = ask_grant(request);
    if (reply.result != 0 || reply.status != GNTST_okay) {
        return reply.result != 0 ? GNTST_general_error : reply.status;
    }
    const std::uint64_t nowhere = call.wide ? ~std::uint64_t{0} : 0xffff'ffff;
    std::int32_t status = GNTST_okay;
    for (std::uint32_t i = 0; i < setup.nr_frames; ++i) {
        const std::uint8_t* const table = call.d.grant.table;
        const Gfn place =
            table != nullptr ? call.d.memory.place_of_overlay(table + i * page_size) : GuestMemory::nowhere;
        const std::uint64_t gfn[] = {place == GuestMemory::nowhere ? nowhere : place.value};
        status = write_words(call, setup.frame_list, i, gfn) == 0 ? status : GNTST_bad_virt_addr;
    }
    return status;
}

xen::Result setup_table(Call& call) {
    if (call.arg[2] != 1) {
        return -XEN_EINVAL;
    }
    return with_in_out<SetupTable>(call, call.arg[1], [&](SetupTable& setup) -> xen::Result {
        const std::int32_t wrong = own_table_only(call, setup.dom);
        setup.status = wrong != GNTST_okay ? wrong : set_up_table(call, setup);
        return 0;
    });
}

/// An entry of the guest's table, which the guest and the kernel change at any time.
std::uint64_t& entry(const Call& call, grant_ref_t ref) {
    void* at = call.d.grant.table + std::uint64_t{ref} * sizeof(grant_entry_v1_t);
    return *static_cast<std::uint64_t*>(at);
}

/// Takes an entry that nobody uses out of the table.
bool take_entry(std::uint64_t& entry, std::uint64_t& taken) {
    taken = __atomic_load_n(&entry, __ATOMIC_ACQUIRE);
    return (taken & (GTF_reading | GTF_writing)) == 0 &&
           __atomic_compare_exchange_n(&entry, &taken, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

std::int32_t swap_entries(const Call& call, grant_ref_t a, grant_ref_t b, std::uint32_t entries) {
    if (a >= entries || b >= entries) {
        return GNTST_bad_gntref;
    }
    if (a == b) {
        return GNTST_okay;
    }
    std::uint64_t was_a = 0;
    std::uint64_t was_b = 0;
    if (!take_entry(entry(call, a), was_a)) {
        return GNTST_eagain;
    }
    const bool both = take_entry(entry(call, b), was_b);
    __atomic_store_n(&entry(call, a), both ? was_b : was_a, __ATOMIC_RELEASE);
    if (!both) {
        return GNTST_eagain;
    }
    __atomic_store_n(&entry(call, b), was_a, __ATOMIC_RELEASE);
    return GNTST_okay;
}

using Swap = bulkhead_guest_GnttabSwapGrantRef;
constexpr std::size_t at_once = 64;

xen::Result swap_grant_ref(Call& call) {
    const std::uint32_t entries = table_frames(call) * static_cast<std::uint32_t>(page_size / sizeof(grant_entry_v1_t));
    return in_batches<Swap, at_once>(call, [&](std::span<Swap> ops) {
        for (Swap& op : ops) {
            op.status = swap_entries(call, op.ref_a, op.ref_b, entries);
        }
    });
}

/// The others are -ENOSYS, as Xen answers a domain whose physical addresses are not the machine's: transfer ("only PV
/// guests can use this operation", says the header), get_status_frames (of version 2), dump_table (for debugging).
constexpr Operation operations[] = {
    {GNTTABOP_map_grant_ref, grant_map},       {GNTTABOP_unmap_grant_ref, grant_unmap},
    {GNTTABOP_setup_table, setup_table},       {GNTTABOP_copy, grant_copy},
    {GNTTABOP_query_size, query_size},         {GNTTABOP_unmap_and_replace, grant_unmap_and_replace},
    {GNTTABOP_set_version, set_version},       {GNTTABOP_get_version, get_version},
    {GNTTABOP_swap_grant_ref, swap_grant_ref}, {GNTTABOP_cache_flush, grant_cache_flush},
};

} // namespace

xen::Result grant_table_op(Call& call) {
    call.arg[2] &= 0xffff'ffff;
    if (static_cast<std::int32_t>(call.arg[2]) < 0) {
        return -XEN_EINVAL;
    }
    return run_operation<operations>(call, static_cast<std::uint32_t>(call.arg[0]));
}

} // namespace bulkhead::vcpu
