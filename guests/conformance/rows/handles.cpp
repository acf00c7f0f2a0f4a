// SPDX-License-Identifier: Apache-2.0
// Every operation that takes a structure, with a harmless request in it, for trying its handle at every kind of place
// (row.hpp). Public headers promise -EFAULT for what cannot be read or written.
#include "event.hpp"

#include <xen/hvm/hvm_op.h>

namespace bulkhead::conformance {
namespace {

template <typename T> T copy_of(const void* at) {
    T value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}
template <typename T> void put(void* at, const T& value) {
    __builtin_memcpy(at, &value, sizeof value);
}
/// The form that most hypercalls have: an operation and a handle.
template <Word Number, Word Operation> std::int64_t simple(Word handle) {
    return issue(Number, Operation, handle);
}
template <Word Operation> std::int64_t vcpu(Word handle) {
    return issue(__HYPERVISOR_vcpu_op, Operation, 0, handle);
}
template <Word Operation> std::int64_t grant(Word handle) {
    return issue(__HYPERVISOR_grant_table_op, Operation, handle, 1);
}
template <Word Operation> std::int64_t event_call(Word handle) {
    return simple<__HYPERVISOR_event_channel_op, Operation>(handle);
}
template <Word Operation> std::int64_t memory(Word handle) {
    return positive(simple<__HYPERVISOR_memory_op, Operation>(handle));
}
void nothing(void*) {}
template <typename T> void with_self(void* at) {
    T value{};
    value.domid = DOMID_SELF;
    put(at, value);
}
template <typename T> void with_self_dom(void* at) {
    T value{};
    value.dom = DOMID_SELF;
    put(at, value);
}

std::uint32_t open_port; // of a case that needs one

constexpr const char* version_h = "public/version.h";
constexpr const char* event_h = "public/event_channel.h";
constexpr const char* sched_h = "public/sched.h";
constexpr const char* vcpu_h = "public/vcpu.h";
constexpr const char* memory_h = "public/memory.h";
constexpr const char* hvm_h = "public/hvm/hvm_op.h";
constexpr const char* grant_h = "public/grant_table.h";

constexpr HandleCase cases[] = {
    {"version.extraversion", version_h, sizeof(xen_extraversion_t), true, nothing,
     simple<__HYPERVISOR_xen_version, XENVER_extraversion>, nullptr, 0},
    {"version.compile_info", version_h, sizeof(xen_compile_info), true, nothing,
     simple<__HYPERVISOR_xen_version, XENVER_compile_info>, nullptr, 0},
    {"version.capabilities", version_h, sizeof(xen_capabilities_info_t), true, nothing,
     simple<__HYPERVISOR_xen_version, XENVER_capabilities>, nullptr, 0},
    {"version.changeset", version_h, sizeof(xen_changeset_info_t), true, nothing,
     simple<__HYPERVISOR_xen_version, XENVER_changeset>, nullptr, 0},
    {"version.platform_parameters", version_h, sizeof(xen_platform_parameters), true, nothing,
     simple<__HYPERVISOR_xen_version, XENVER_platform_parameters>, nullptr, 0},
    {"version.get_features", version_h, sizeof(xen_feature_info), true, [](void* at) { put(at, xen_feature_info{}); },
     simple<__HYPERVISOR_xen_version, XENVER_get_features>, nullptr, 0},
    {"version.guest_handle", version_h, sizeof(xen_domain_handle_t), true, nothing,
     simple<__HYPERVISOR_xen_version, XENVER_guest_handle>, nullptr, 0},
    {"event.alloc_unbound", event_h, sizeof(evtchn_alloc_unbound), true,
     [](void* at) {
         put(at, evtchn_alloc_unbound{DOMID_SELF, DOMID_SELF, 0});
     },
     event_call<EVTCHNOP_alloc_unbound>, [](const void* at) { (void)close(copy_of<evtchn_alloc_unbound>(at).port); },
     0},
    {"event.bind_interdomain", event_h, sizeof(evtchn_bind_interdomain), true,
     [](void* at) {
         evtchn_alloc_unbound a{DOMID_SELF, DOMID_SELF, 0};
         (void)event(EVTCHNOP_alloc_unbound, a);
         open_port = a.port;
         put(at, evtchn_bind_interdomain{DOMID_SELF, open_port, 0});
     },
     event_call<EVTCHNOP_bind_interdomain>,
     [](const void* at) {
         const auto port = copy_of<evtchn_bind_interdomain>(at).local_port;
         (void)close(port);
         clear_pending(port);
         (void)close(open_port);
     },
     0},
    {"event.bind_virq", event_h, sizeof(evtchn_bind_virq), true,
     [](void* at) {
         put(at, evtchn_bind_virq{VIRQ_DEBUG, 0, 0});
     },
     event_call<EVTCHNOP_bind_virq>, [](const void* at) { (void)close(copy_of<evtchn_bind_virq>(at).port); }, 0},
    {"event.bind_ipi", event_h, sizeof(evtchn_bind_ipi), true,
     [](void* at) {
         put(at, evtchn_bind_ipi{0, 0});
     },
     event_call<EVTCHNOP_bind_ipi>, [](const void* at) { (void)close(copy_of<evtchn_bind_ipi>(at).port); }, 0},
    {"event.close", event_h, sizeof(evtchn_close), false, [](void* at) { put(at, evtchn_close{0}); },
     event_call<EVTCHNOP_close>, nullptr, -XEN_EINVAL},
    {"event.send", event_h, sizeof(evtchn_send), false, [](void* at) { put(at, evtchn_send{0}); },
     event_call<EVTCHNOP_send>, nullptr, -XEN_EINVAL},
    {"event.status", event_h, sizeof(evtchn_status), true, with_self_dom<evtchn_status>, event_call<EVTCHNOP_status>,
     nullptr, 0},
    {"event.bind_vcpu", event_h, sizeof(evtchn_bind_vcpu), false,
     [](void* at) {
         put(at, evtchn_bind_vcpu{0, 1});
     },
     event_call<EVTCHNOP_bind_vcpu>, nullptr, -XEN_ENOENT},
    {"event.unmask", event_h, sizeof(evtchn_unmask), false, [](void* at) { put(at, evtchn_unmask{~0u}); },
     event_call<EVTCHNOP_unmask>, nullptr, -XEN_EINVAL},
    {"event.reset", event_h, sizeof(evtchn_reset), false, [](void* at) { put(at, evtchn_reset{DOMID_INVALID}); },
     event_call<EVTCHNOP_reset>, nullptr, -XEN_ESRCH},
    {"event.init_control", event_h, sizeof(evtchn_init_control), true,
     [](void* at) {
         evtchn_init_control c{};
         c.vcpu = 1;
         put(at, c);
     },
     event_call<EVTCHNOP_init_control>, nullptr, -XEN_ENOENT},
    {"event.set_priority", event_h, sizeof(evtchn_set_priority), false,
     [](void* at) {
         put(at, evtchn_set_priority{~0u, 0});
     },
     event_call<EVTCHNOP_set_priority>, nullptr, -XEN_EINVAL},
    {"sched.poll", sched_h, sizeof(sched_poll), false,
     [](void* at) {
         sched_poll p{};
         p.timeout = 1;
         put(at, p);
     },
     simple<__HYPERVISOR_sched_op, SCHEDOP_poll>, nullptr, 0},
    {"sched.watchdog", sched_h, sizeof(sched_watchdog), false,
     [](void* at) {
         put(at, sched_watchdog{3, 0});
     },
     simple<__HYPERVISOR_sched_op, SCHEDOP_watchdog>, nullptr, -XEN_EINVAL},
    {"sched.remote_shutdown", sched_h, sizeof(sched_remote_shutdown), false,
     [](void* at) {
         put(at, sched_remote_shutdown{DOMID_INVALID, 0});
     },
     simple<__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown>, nullptr, -XEN_ESRCH},
    {"vcpu.get_runstate_info", vcpu_h, sizeof(vcpu_runstate_info), true, nothing, vcpu<VCPUOP_get_runstate_info>,
     nullptr, 0},
    {"vcpu.set_periodic_timer", vcpu_h, sizeof(vcpu_set_periodic_timer), false,
     [](void* at) { put(at, vcpu_set_periodic_timer{}); }, vcpu<VCPUOP_set_periodic_timer>, nullptr, -XEN_EINVAL},
    {"vcpu.set_singleshot_timer", vcpu_h, sizeof(vcpu_set_singleshot_timer), false,
     [](void* at) {
         vcpu_set_singleshot_timer t{};
         t.timeout_abs_ns = 1;
         t.flags = VCPU_SSHOTTMR_future;
         put(at, t);
     },
     vcpu<VCPUOP_set_singleshot_timer>, nullptr, -XEN_ETIME},
    {"vcpu.register_vcpu_info", vcpu_h, sizeof(vcpu_register_vcpu_info), false,
     [](void* at) {
         vcpu_register_vcpu_info r{};
         r.offset = ~0u;
         put(at, r);
     },
     vcpu<VCPUOP_register_vcpu_info>, nullptr, -XEN_ENXIO},
    {"memory.current_reservation", memory_h, sizeof(xen_memory_domain), false, with_self<xen_memory_domain>,
     memory<XENMEM_current_reservation>, nullptr, 1},
    {"memory.maximum_reservation", memory_h, sizeof(xen_memory_domain), false, with_self<xen_memory_domain>,
     memory<XENMEM_maximum_reservation>, nullptr, 1},
    {"memory.maximum_gpfn", memory_h, sizeof(xen_memory_domain), false, with_self<xen_memory_domain>,
     memory<XENMEM_maximum_gpfn>, nullptr, 1},
    {"memory.memory_map", memory_h, sizeof(xen_memory_map), true,
     [](void* at) {
         xen_memory_map m{};
         m.nr_entries = 1;
         set_xen_guest_handle(m.buffer, scratch[4]);
         put(at, m);
     },
     memory<XENMEM_memory_map>, nullptr, 0},
    {"memory.add_to_physmap", memory_h, sizeof(xen_add_to_physmap), false,
     [](void* at) {
         xen_add_to_physmap a{};
         a.domid = DOMID_INVALID;
         put(at, a);
     },
     memory<XENMEM_add_to_physmap>, nullptr, -XEN_ESRCH},
    {"memory.add_to_physmap_batch", memory_h, sizeof(xen_add_to_physmap_batch), false,
     [](void* at) {
         xen_add_to_physmap_batch b{};
         b.domid = DOMID_INVALID;
         b.space = XENMAPSPACE_gmfn;
         b.size = 1;
         put(at, b);
     },
     memory<XENMEM_add_to_physmap_batch>, nullptr, -XEN_ESRCH},
    {"memory.remove_from_physmap", memory_h, sizeof(xen_remove_from_physmap), false,
     [](void* at) {
         xen_remove_from_physmap r{};
         r.domid = DOMID_INVALID;
         put(at, r);
     },
     memory<XENMEM_remove_from_physmap>, nullptr, -XEN_ESRCH},
    {"hvm.get_param", hvm_h, sizeof(xen_hvm_param), true,
     [](void* at) {
         xen_hvm_param p{};
         p.domid = DOMID_SELF;
         p.index = HVM_PARAM_CONSOLE_PFN;
         put(at, p);
     },
     simple<__HYPERVISOR_hvm_op, HVMOP_get_param>, nullptr, 0},
    {"hvm.set_param", hvm_h, sizeof(xen_hvm_param), false,
     [](void* at) {
         xen_hvm_param p{};
         p.domid = DOMID_SELF;
         p.index = HVM_PARAM_CONSOLE_PFN;
         put(at, p);
     },
     simple<__HYPERVISOR_hvm_op, HVMOP_set_param>, nullptr, -XEN_EPERM},
    {"hvm.set_evtchn_upcall_vector", hvm_h, sizeof(xen_hvm_evtchn_upcall_vector), false,
     [](void* at) {
         put(at, xen_hvm_evtchn_upcall_vector{0, 1});
     },
     simple<__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector>, nullptr, -XEN_EINVAL},
    {"hvm.get_time", hvm_h, sizeof(xen_hvm_get_time), true, nothing, simple<__HYPERVISOR_hvm_op, HVMOP_get_time>,
     nullptr, 0},
    {"grant.query_size", grant_h, sizeof(gnttab_query_size), true, with_self_dom<gnttab_query_size>,
     grant<GNTTABOP_query_size>, nullptr, 0},
    {"grant.get_version", grant_h, sizeof(gnttab_get_version), true, with_self_dom<gnttab_get_version>,
     grant<GNTTABOP_get_version>, nullptr, 0},
    {"grant.set_version", grant_h, sizeof(gnttab_set_version), true, [](void* at) { put(at, gnttab_set_version{1}); },
     grant<GNTTABOP_set_version>, nullptr, 0},
    {"grant.map_grant_ref", grant_h, sizeof(gnttab_map_grant_ref), true,
     [](void* at) {
         gnttab_map_grant_ref m{};
         m.dom = no_domain;
         m.flags = GNTMAP_host_map;
         put(at, m);
     },
     grant<GNTTABOP_map_grant_ref>, nullptr, 0},
    {"grant.unmap_grant_ref", grant_h, sizeof(gnttab_unmap_grant_ref), true,
     [](void* at) {
         gnttab_unmap_grant_ref u{};
         u.handle = 5;
         put(at, u);
     },
     grant<GNTTABOP_unmap_grant_ref>, nullptr, 0},
    {"grant.unmap_and_replace", grant_h, sizeof(gnttab_unmap_and_replace), true,
     [](void* at) {
         gnttab_unmap_and_replace u{};
         u.handle = 5;
         put(at, u);
     },
     grant<GNTTABOP_unmap_and_replace>, nullptr, 0},
    {"grant.cache_flush", grant_h, sizeof(gnttab_cache_flush), false,
     [](void* at) {
         gnttab_cache_flush f{};
         f.op = GNTTAB_CACHE_CLEAN;
         put(at, f);
     },
     grant<GNTTABOP_cache_flush>, nullptr, 0},
    {"grant.copy", grant_h, sizeof(gnttab_copy), true,
     [](void* at) {
         gnttab_copy c{};
         c.source.domid = no_domain;
         c.flags = GNTCOPY_source_gref;
         c.dest.domid = DOMID_SELF;
         c.dest.u.gmfn = frame_of(scratch[4]);
         c.len = 1;
         put(at, c);
     },
     grant<GNTTABOP_copy>, nullptr, 0},
};

} // namespace

std::span<const HandleCase> common_handle_cases() {
    return cases;
}

} // namespace bulkhead::conformance
