// SPDX-License-Identifier: Apache-2.0
// The upper half of a 64-bit caller's register is no part of an operation's number, which is an int; but for hvm_op and
// memory_op, where it is a long, and for the hypercall's own number (version.cpp).
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* prototypes = "public/xen.h";

template <std::uint32_t Operation> constexpr std::uint64_t with_upper_bits = 0x8000'0001'0000'0000 | Operation;

/// The operation by a number with more bits.
template <Word Hypercall, std::uint32_t Operation>
std::int64_t more(Word second = address_of(scratch), Word third = 1) {
    return issue(Hypercall, static_cast<Word>(with_upper_bits<Operation>), second, third);
}

constexpr Row rows[] = {
    {"upper bits/sched_op", prototypes, [](Effects&) { return more<__HYPERVISOR_sched_op, SCHEDOP_yield>(); }, 0, wide},
    {"upper bits/sched_op, unknown 8", prototypes, [](Effects&) { return more<__HYPERVISOR_sched_op, 8>(); },
     -XEN_ENOSYS, wide},
    {"upper bits/event_channel_op", prototypes,
     [](Effects&) { return more<__HYPERVISOR_event_channel_op, EVTCHNOP_send>(); }, -XEN_EINVAL, wide},
    {"upper bits/grant_table_op", prototypes,
     [](Effects& e) {
         gnttab_query_size q{};
         q.dom = DOMID_SELF;
         q.status = 77;
         const auto result = more<__HYPERVISOR_grant_table_op, GNTTABOP_query_size>(address_of(q));
         e.equal("status", q.status, GNTST_okay);
         return result;
     },
     0, wide},
    {"upper bits/vcpu_op", prototypes, [](Effects&) { return more<__HYPERVISOR_vcpu_op, VCPUOP_is_up>(0, 0); }, 1,
     wide},
    {"upper bits/xen_version", prototypes,
     [](Effects&) { return more<__HYPERVISOR_xen_version, XENVER_version>(0) >> 16; }, 4, wide},
    {"upper bits/vm_assist", prototypes,
     [](Effects&) { return more<__HYPERVISOR_vm_assist, VMASST_CMD_disable>(VMASST_TYPE_runstate_update_flag); }, 0,
     wide},
    {"upper bits/physdev_op", prototypes, [](Effects&) { return more<__HYPERVISOR_physdev_op, 1>(); }, -XEN_ENOSYS,
     wide},
    {"upper bits/hvm_op, whose number is a long", "public/hvm/hvm_op.h",
     [](Effects&) { return more<__HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event>(); }, -XEN_ENOSYS, wide},
    {"upper bits/memory_op, whose number is a long",
     "public/memory.h",
     [](Effects&) { return more<__HYPERVISOR_memory_op, XENMEM_current_reservation>(); },
     -XEN_ENOSYS,
     wide,
     {-XEN_EINVAL, "Xen keeps where it has got to in the upper bits. All bits are the operation's number here."}},
};

} // namespace

const Group upper_bits_rows{"upper bits of operation arguments", rows};

} // namespace bulkhead::conformance
