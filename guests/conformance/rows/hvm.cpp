// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_hvm_op (public/hvm/hvm_op.h, public/hvm/params.h).
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* params_h = "public/hvm/params.h";
constexpr const char* hvm_op_h = "public/hvm/hvm_op.h";
constexpr Word number = __HYPERVISOR_hvm_op;
constexpr OnXen kind_first{-XEN_EINVAL, "Xen looks first whether the other domain is an HVM one, and dom0 is not."};

std::int64_t get(std::uint32_t index, std::uint64_t* value = nullptr, domid_t domain = DOMID_SELF) {
    xen_hvm_param p{};
    p.domid = domain;
    p.index = index;
    const auto result = operate(number, HVMOP_get_param, p);
    if (value != nullptr) {
        *value = p.value;
    }
    return result;
}
std::int64_t set(std::uint32_t index, std::uint64_t value, domid_t domain = DOMID_SELF) {
    xen_hvm_param p{};
    p.domid = domain;
    p.index = index;
    p.value = value;
    return operate(number, HVMOP_set_param, p);
}
std::int64_t upcall_vector(std::uint32_t vcpu, std::uint8_t vector) {
    xen_hvm_evtchn_upcall_vector v{vcpu, vector};
    return operate(number, HVMOP_set_evtchn_upcall_vector, v);
}
template <std::uint32_t Index> std::int64_t get_row(Effects&) {
    return get(Index);
}
/// With the value that it has.
template <std::uint32_t Index> std::int64_t set_row(Effects&) {
    std::uint64_t value = 0;
    (void)get(Index, &value);
    return set(Index, value);
}

constexpr Row rows[] = {
    {"hvm/get CONSOLE_PFN", params_h,
     [](Effects& e) {
         std::uint64_t value = 0;
         const auto result = get(HVM_PARAM_CONSOLE_PFN, &value);
         e.check("a frame", value != 0);
         return result;
     },
     0},
    {"hvm/get CONSOLE_EVTCHN", params_h,
     [](Effects& e) {
         std::uint64_t value = 0;
         const auto result = get(HVM_PARAM_CONSOLE_EVTCHN, &value);
         e.check("a port", value != 0);
         return result;
     },
     0},
    {"hvm/get by domain number", params_h, [](Effects&) { return get(HVM_PARAM_CONSOLE_PFN, nullptr, own_domain()); },
     0},
    {"hvm/get STORE_PFN", params_h, get_row<HVM_PARAM_STORE_PFN>, 0},
    {"hvm/get STORE_EVTCHN", params_h, get_row<HVM_PARAM_STORE_EVTCHN>, 0},
    {"hvm/get CALLBACK_IRQ", params_h, get_row<HVM_PARAM_CALLBACK_IRQ>, 0},
    {"hvm/get VM86_TSS", params_h, get_row<HVM_PARAM_VM86_TSS>, 0},
    {"hvm/get VM86_TSS_SIZED", params_h, get_row<HVM_PARAM_VM86_TSS_SIZED>, 0},
    {"hvm/get X87_FIP_WIDTH", params_h, get_row<HVM_PARAM_X87_FIP_WIDTH>, 0},
    {"hvm/get VM_GENERATION_ID_ADDR", params_h, get_row<HVM_PARAM_VM_GENERATION_ID_ADDR>, 0},
    {"hvm/get ACPI_IOPORTS_LOCATION", params_h, get_row<HVM_PARAM_ACPI_IOPORTS_LOCATION>, 0},
    {"hvm/get HPET_ENABLED", params_h, get_row<HVM_PARAM_HPET_ENABLED>, -XEN_EPERM},
    {"hvm/get IOREQ_PFN", params_h, get_row<HVM_PARAM_IOREQ_PFN>, -XEN_EPERM},
    {"hvm/get TIMER_MODE", params_h, get_row<HVM_PARAM_TIMER_MODE>, -XEN_EPERM},
    {"hvm/get IDENT_PT", params_h, get_row<HVM_PARAM_IDENT_PT>, -XEN_EPERM},
    {"hvm/get 13, once DM_DOMAIN", params_h, get_row<13>, -XEN_EINVAL},
    {"hvm/get 24, once NESTEDHVM", params_h, get_row<24>, -XEN_EINVAL},
    {"hvm/get MONITOR_RING_PFN", params_h, get_row<HVM_PARAM_MONITOR_RING_PFN>, -XEN_EPERM},
    {"hvm/get ALTP2M", params_h, get_row<HVM_PARAM_ALTP2M>, 0},
    {"hvm/get 3, which is unused", params_h, get_row<3>, -XEN_EPERM},
    {"hvm/get 39, behind the last", params_h, get_row<HVM_NR_PARAMS>, -XEN_EINVAL},
    {"hvm/get 2^32-1", params_h, get_row<0xffff'ffff>, -XEN_EINVAL},
    {"hvm/get of another domain", params_h,
     [](Effects&) { return get(HVM_PARAM_CONSOLE_PFN, nullptr, another_domain); }, -XEN_EPERM, any_width, kind_first},
    {"hvm/get of nobody", params_h, [](Effects&) { return get(HVM_PARAM_CONSOLE_PFN, nullptr, no_domain); }, -XEN_EPERM,
     any_width, tells_who_exists},
    {"hvm/set CALLBACK_IRQ to a vector", params_h,
     [](Effects& e) {
         constexpr auto value = (std::uint64_t{HVM_PARAM_CALLBACK_TYPE_VECTOR} << 56) | 0xf3;
         const auto result = set(HVM_PARAM_CALLBACK_IRQ, value);
         std::uint64_t read = 0;
         (void)get(HVM_PARAM_CALLBACK_IRQ, &read);
         e.check("read back", read == value);
         e.equal("off again", set(HVM_PARAM_CALLBACK_IRQ, 0), 0);
         return result;
     },
     0},
    {"hvm/set CONSOLE_PFN", params_h, set_row<HVM_PARAM_CONSOLE_PFN>, -XEN_EPERM},
    {"hvm/set STORE_PFN", params_h, set_row<HVM_PARAM_STORE_PFN>, -XEN_EPERM},
    {"hvm/set ACPI_IOPORTS_LOCATION",
     params_h,
     set_row<HVM_PARAM_ACPI_IOPORTS_LOCATION>,
     -XEN_EPERM,
     any_width,
     {-XEN_ENODEV, "Xen lets the guest, and finds that there is no such device. Here the guest may not."}},
    {"hvm/set IDENT_PT", params_h, set_row<HVM_PARAM_IDENT_PT>, -XEN_EPERM},
    {"hvm/set TIMER_MODE", params_h, set_row<HVM_PARAM_TIMER_MODE>, -XEN_EPERM},
    {"hvm/set 24, once NESTEDHVM", params_h, set_row<24>, -XEN_EINVAL},
    {"hvm/set 3, which is unused", params_h, set_row<3>, -XEN_EPERM},
    {"hvm/set 2^32-1", params_h, [](Effects&) { return set(0xffff'ffff, 0); }, -XEN_EINVAL},
    {"hvm/set of another domain", params_h, [](Effects&) { return set(HVM_PARAM_CALLBACK_IRQ, 0, another_domain); },
     -XEN_EPERM, any_width, kind_first},
    {"hvm/set of nobody", params_h, [](Effects&) { return set(HVM_PARAM_CALLBACK_IRQ, 0, no_domain); }, -XEN_EPERM,
     any_width, tells_who_exists},
    {"hvm/set_evtchn_upcall_vector 15", hvm_op_h, [](Effects&) { return upcall_vector(0, 15); }, -XEN_EINVAL},
    {"hvm/set_evtchn_upcall_vector 0", hvm_op_h, [](Effects&) { return upcall_vector(0, 0); }, -XEN_EINVAL},
    {"hvm/set_evtchn_upcall_vector, no such vCPU", hvm_op_h, [](Effects&) { return upcall_vector(1, 0xf3); },
     -XEN_ENOENT},
    {"hvm/set_evtchn_upcall_vector, vCPU 2^32-1", hvm_op_h, [](Effects&) { return upcall_vector(~0u, 0xf3); },
     -XEN_ENOENT},
    {"hvm/set_evtchn_upcall_vector 0xf3", hvm_op_h, [](Effects&) { return upcall_vector(0, 0xf3); }, 0},
    {"hvm/flush_tlbs", hvm_op_h, [](Effects&) { return issue(number, HVMOP_flush_tlbs, 0); }, 0},
    {"hvm/flush_tlbs with a handle", hvm_op_h, [](Effects&) { return operate(number, HVMOP_flush_tlbs, scratch); },
     -XEN_EINVAL},
    {"hvm/get_time", hvm_op_h,
     [](Effects& e) {
         xen_hvm_get_time t{};
         const auto result = operate(number, HVMOP_get_time, t);
         e.check("a time", t.now != 0);
         return result;
     },
     0},
    {"hvm/pagetable_dying without shadow tables", hvm_op_h,
     [](Effects&) {
         xen_hvm_pagetable_dying d{};
         d.domid = DOMID_SELF;
         return operate(number, HVMOP_pagetable_dying, d);
     },
     -XEN_EINVAL},
    {"hvm/guest_request_vm_event with a handle", hvm_op_h,
     [](Effects&) { return operate(number, HVMOP_guest_request_vm_event, scratch); }, -XEN_EINVAL},
    {"hvm/set_pci_intx_level is gone", hvm_op_h, [](Effects&) { return operate(number, 2, scratch); }, -XEN_ENOSYS},
    {"hvm/get_mem_type of another domain", hvm_op_h,
     [](Effects&) {
         xen_hvm_get_mem_type t{};
         t.domid = another_domain;
         return operate(number, HVMOP_get_mem_type, t);
     },
     -XEN_EPERM},
    {"hvm/unknown 26", hvm_op_h, [](Effects&) { return operate(number, 26, scratch); }, -XEN_ENOSYS},
    {"hvm/unknown 2^31", hvm_op_h, [](Effects&) { return operate(number, 0x8000'0000, scratch); }, -XEN_ENOSYS},
    {"hvm/unknown 2^32-1", hvm_op_h, [](Effects&) { return operate(number, 0xffff'ffff, scratch); }, -XEN_ENOSYS},
};

} // namespace

const Group hvm_rows{"hvm_op", rows};

} // namespace bulkhead::conformance
