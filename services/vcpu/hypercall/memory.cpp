// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_memory_op (public/memory.h): the table of its operations, and those that only tell something.
// It must not know: how memory is given back, brought or moved.
#include "memory.hpp"

#include <guest_memory.layout.hpp>

#include "argument.hpp"
#include "ask.hpp"

namespace bulkhead::vcpu {

namespace {

xen::Result query(bulkhead_MemoryQuery_What what) {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_query_tag;
    request.request.query.what = what;
    const bulkhead_MemoryReply reply = ask_memory(request);
    return reply.result != 0 ? reply.result : static_cast<xen::Result>(reply.value);
}

xen::Result query_own(Call& call, bulkhead_MemoryQuery_What what) {
    return with_input<bulkhead_guest_MemoryDomain>(call, call.arg[1],
                                                   [&](const bulkhead_guest_MemoryDomain& asked) -> xen::Result {
                                                       const xen::Result wrong = own_domain_only(call, asked.domid);
                                                       return wrong != 0 ? wrong : query(what);
                                                   });
}
xen::Result current_reservation(Call& call) {
    return query_own(call, bulkhead_MemoryQuery_What_CURRENT_RESERVATION);
}
xen::Result maximum_reservation(Call& call) {
    return query_own(call, bulkhead_MemoryQuery_What_MAXIMUM_RESERVATION);
}
xen::Result maximum_gpfn(Call& call) {
    return query_own(call, bulkhead_MemoryQuery_What_MAXIMUM_GFN);
}
xen::Result maximum_ram_page(Call&) {
    return query(bulkhead_MemoryQuery_What_MAXIMUM_RAM_PAGE);
}

xen::Result memory_map(Call& call) {
    return with_in_out<bulkhead_guest_MemoryMap>(call, call.arg[1], [&](bulkhead_guest_MemoryMap& map) -> xen::Result {
        map.nr_entries = map.nr_entries < call.d.e820_count ? map.nr_entries : call.d.e820_count;
        const std::uint64_t bytes = map.nr_entries * sizeof(E820Entry);
        return addressable(call.wide, map.buffer, bytes) && call.access.write(map.buffer, call.d.e820, bytes)
                   ? 0
                   : -XEN_EFAULT;
    });
}

/// A domain that has no virtual NUMA topology; this version gives none.
xen::Result get_vnumainfo(Call& call) {
    return with_input<bulkhead_guest_VnumaTopologyInfo>(
        call, call.arg[1], [&](const bulkhead_guest_VnumaTopologyInfo& info) -> xen::Result {
            if (info.pad != 0) {
                return -XEN_EINVAL;
            }
            const xen::Result wrong = own_domain_only(call, info.domid);
            return wrong != 0 ? wrong : -XEN_EOPNOTSUPP;
        });
}

/// There are no devices, so no memory is reserved for them.
xen::Result reserved_device_memory_map(Call& call) {
    return with_in_out<bulkhead_guest_ReservedDeviceMemoryMap>(
        call, call.arg[1], [](bulkhead_guest_ReservedDeviceMemoryMap& map) -> xen::Result {
            constexpr std::uint32_t all_regions = 1; // XENMEM_RDM_ALL, which the header shows to tools only
            if ((map.flags & ~all_regions) != 0) {
                return -XEN_EINVAL;
            }
            map.nr_entries = 0;
            return 0;
        });
}

/// For domains that control others: not for this one's own resources either, and DOMID_SELF is nobody here.
xen::Result acquire_resource(Call& call) {
    return with_input<bulkhead_guest_MemAcquireResource>(
        call, call.arg[1], [](const bulkhead_guest_MemAcquireResource& resource) -> xen::Result {
            if (resource.pad != 0) {
                return -XEN_EINVAL;
            }
            return resource.domid < DOMID_FIRST_RESERVED ? -XEN_EPERM : -XEN_ESRCH;
        });
}

// The header shows these names to tools only.
constexpr std::uint64_t claim_pages_number = 24;
constexpr std::uint64_t reserved_device_memory_map_number = 27;

constexpr Operation operations[] = {
    {XENMEM_increase_reservation, increase_reservation},
    {XENMEM_decrease_reservation, decrease_reservation},
    {XENMEM_populate_physmap, populate_physmap},
    {XENMEM_exchange, exchange},
    {XENMEM_add_to_physmap, add_to_physmap},
    {XENMEM_add_to_physmap_batch, add_to_physmap_batch},
    {XENMEM_remove_from_physmap, remove_from_physmap},
    {XENMEM_maximum_ram_page, maximum_ram_page},
    {XENMEM_current_reservation, current_reservation},
    {XENMEM_maximum_reservation, maximum_reservation},
    {XENMEM_maximum_gpfn, maximum_gpfn},
    {XENMEM_memory_map, memory_map},
    {XENMEM_get_vnumainfo, get_vnumainfo},
    {reserved_device_memory_map_number, reserved_device_memory_map},
    {XENMEM_acquire_resource, acquire_resource},
    {XENMEM_machine_memory_map, not_permitted},
    {XENMEM_set_memory_map, not_permitted},
    {XENMEM_set_pod_target, not_permitted},
    {XENMEM_get_pod_target, not_permitted},
    {claim_pages_number, not_permitted},
};

} // namespace

/// The whole of the operation number counts: nothing hides in its upper bits.
xen::Result memory_op(Call& call) {
    return run_operation<operations>(call, call.arg[0]);
}

} // namespace bulkhead::vcpu
