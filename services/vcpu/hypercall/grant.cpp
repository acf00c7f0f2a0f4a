// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_grant_table_op (public/grant_table.h): the operations on the table itself. Entries are plain memory,
// mapping and copying other domains' pages is not offered in this version. It must not know: where the table is.
#include "argument.hpp"

#include <guest_grant_table.layout.hpp>

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

xen::Result set_version(Call& call) {
    if (call.arg[2] != 1) {
        return -XEN_EINVAL;
    }
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
    if (call.arg[2] != 1) {
        return -XEN_EINVAL;
    }
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

constexpr Operation operations[] = {
    {GNTTABOP_query_size, query_size},
    {GNTTABOP_set_version, set_version},
    {GNTTABOP_get_version, get_version},
};

} // namespace

xen::Result grant_table_op(Call& call) {
    call.arg[2] &= 0xffff'ffff;
    if (static_cast<std::int32_t>(call.arg[2]) < 0) {
        return -XEN_EINVAL;
    }
    return run_operation(call, static_cast<std::uint32_t>(call.arg[0]), operations);
}

} // namespace bulkhead::vcpu
