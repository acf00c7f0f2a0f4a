// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_grant_table_op (public/grant_table.h): the operations on the table itself. Entries are plain memory. It
// must not know: other domains' pages.
#include "grant.hpp"

#include "ask.hpp"

namespace bulkhead::vcpu {

std::int32_t own_table_only(const Call& call, std::uint32_t id) {
    const DomainName name = name_domain(call, id);
    return name.own ? GNTST_okay : name.exists ? GNTST_permission_denied : GNTST_bad_domain;
}

std::uint32_t table_frames(const Call& call) {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_query_size_tag;
    request.request.query_size.domain = call.d.config.domain.value;
    const bulkhead_GrantReply reply = ask_grant(request);
    return reply.result == 0 && reply.frames <= max_grant_frames ? reply.frames : 0;
}

std::uint64_t place_of_frame(const Call& call, const std::uint8_t* frame) {
    const Gfn place = frame != nullptr ? call.d.memory.place_of_overlay(frame) : GuestMemory::nowhere;
    return place == GuestMemory::nowhere ? ~std::uint64_t{0} : place.value;
}

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

using SetupTable = bulkhead_guest_GnttabSetupTable;

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
    std::int32_t status = GNTST_okay;
    for (std::uint32_t i = 0; i < setup.nr_frames; ++i) {
        const std::uint8_t* const table = call.d.grant.table;
        const std::uint64_t place = place_of_frame(call, table != nullptr ? table + i * page_size : nullptr);
        const std::uint64_t gfn[] = {call.wide ? place : static_cast<std::uint32_t>(place)};
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

/// The others are -ENOSYS, as Xen answers a domain whose physical addresses are not the machine's: transfer ("only PV
/// guests can use this operation", says the header) and dump_table (for debugging).
constexpr Operation operations[] = {
    {GNTTABOP_map_grant_ref, grant_map},       {GNTTABOP_unmap_grant_ref, grant_unmap},
    {GNTTABOP_setup_table, setup_table},       {GNTTABOP_copy, grant_copy},
    {GNTTABOP_query_size, query_size},         {GNTTABOP_unmap_and_replace, grant_unmap_and_replace},
    {GNTTABOP_set_version, grant_set_version}, {GNTTABOP_get_status_frames, grant_get_status_frames},
    {GNTTABOP_get_version, grant_get_version}, {GNTTABOP_swap_grant_ref, grant_swap},
    {GNTTABOP_cache_flush, grant_cache_flush},
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
