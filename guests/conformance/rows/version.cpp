// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_xen_version (public/version.h), the modes from which a call is taken, and the numbers that name no
// hypercall.
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* version_h = "public/version.h";
constexpr Word number = __HYPERVISOR_xen_version;

bool terminated(const void* text, std::size_t size) {
    const auto* bytes = static_cast<const char*>(text);
    for (std::size_t i = 0; i < size; ++i) {
        if (bytes[i] == '\0') {
            return i != 0;
        }
    }
    return false;
}

constexpr Row version[] = {
    {"version/version", version_h, [](Effects&) { return issue(number, XENVER_version); }, (4 << 16) | 17},
    {"version/version ignores its handle", version_h,
     [](Effects&) { return issue(number, XENVER_version, place(Place::unmapped, 4)); }, (4 << 16) | 17},
    {"version/extraversion", version_h,
     [](Effects& e) {
         auto& text = *reinterpret_cast<xen_extraversion_t*>(scratch[0]);
         scratch[0][sizeof text] = 0x5a;
         const auto result = operate(number, XENVER_extraversion, text);
         e.check("a string", terminated(text, sizeof text));
         e.equal("behind it", scratch[0][sizeof text], 0x5a);
         return result;
     },
     0},
    {"version/compile_info", version_h,
     [](Effects& e) {
         auto& info = *reinterpret_cast<xen_compile_info*>(scratch[0]);
         const auto result = operate(number, XENVER_compile_info, info);
         e.check("compiler", terminated(info.compiler, sizeof info.compiler));
         return result;
     },
     0},
    {"version/capabilities", version_h,
     [](Effects& e) {
         auto& text = *reinterpret_cast<xen_capabilities_info_t*>(scratch[0]);
         const auto result = operate(number, XENVER_capabilities, text);
         e.check("a string", terminated(text, sizeof text));
         return result;
     },
     0},
    {"version/changeset", version_h,
     [](Effects& e) {
         auto& text = *reinterpret_cast<xen_changeset_info_t*>(scratch[0]);
         const auto result = operate(number, XENVER_changeset, text);
         e.check("ends", text[0] == '\0' || terminated(text, sizeof text)); // Debian's build has none
         return result;
     },
     0},
    {"version/platform_parameters",
     version_h,
     [](Effects& e) {
         auto& parameters = *reinterpret_cast<xen_platform_parameters*>(scratch[0]);
         parameters.virt_start = 0x55;
         scratch[0][sizeof parameters] = 0x5a;
         const auto result = operate(number, XENVER_platform_parameters, parameters);
         e.equal("virt_start", static_cast<std::int64_t>(parameters.virt_start), 0);
         e.equal("behind it", scratch[0][sizeof parameters], 0x5a);
         return result;
     },
     0,
     any_width,
     {0, "Xen tells 64-bit guests where it lies in their address space, even if it does not. Nothing of ours does.",
      false}},
    {"version/get_features 0", version_h,
     [](Effects& e) {
         auto& features = *reinterpret_cast<xen_feature_info*>(scratch[0]);
         const auto result = operate(number, XENVER_get_features, features);
         e.check("auto-translated", (features.submap & (1u << XENFEAT_auto_translated_physmap)) != 0);
         e.check("callback vector", (features.submap & (1u << XENFEAT_hvm_callback_vector)) != 0);
         e.check("no dom0", (features.submap & (1u << XENFEAT_dom0)) == 0);
         return result;
     },
     0},
    {"version/get_features 1", version_h,
     [](Effects&) {
         xen_feature_info features{1, 0};
         return operate(number, XENVER_get_features, features);
     },
     -XEN_EINVAL},
    {"version/get_features 2^32-1", version_h,
     [](Effects&) {
         xen_feature_info features{~0u, 0};
         return operate(number, XENVER_get_features, features);
     },
     -XEN_EINVAL},
    {"version/pagesize", version_h, [](Effects&) { return issue(number, XENVER_pagesize, 0); }, 4096},
    {"version/pagesize with a handle", version_h,
     [](Effects&) { return issue(number, XENVER_pagesize, address_of(scratch)); }, -XEN_EINVAL},
    {"version/guest_handle", version_h,
     [](Effects& e) {
         scratch[0][sizeof(xen_domain_handle_t)] = 0x5a;
         const auto result = operate(number, XENVER_guest_handle, scratch);
         e.equal("behind it", scratch[0][sizeof(xen_domain_handle_t)], 0x5a);
         return result;
     },
     0},
    {"version/commandline is not for guests", version_h,
     [](Effects& e) {
         const auto result = operate(number, XENVER_commandline, scratch);
         e.check("denied", scratch[0][0] == '<' && scratch[0][1] == 'd' && scratch[0][7] == '>' && scratch[0][8] == 0);
         return result;
     },
     0},
    {"version/build_id is not for guests", version_h,
     [](Effects&) { return issue(number, XENVER_build_id, address_of(scratch)); }, -XEN_EPERM},
    {"version/unknown 11", version_h, [](Effects&) { return issue(number, 11); }, -XEN_ENOSYS},
    {"version/unknown 2^31", version_h, [](Effects&) { return issue(number, 0x8000'0000); }, -XEN_ENOSYS},
    {"version/unknown 2^32-1", version_h, [](Effects&) { return issue(number, 0xffff'ffff); }, -XEN_ENOSYS},
    {"version/by the hypercall page", "public/arch-x86/xen-x86_64.h, xen-x86_32.h",
     [](Effects&) { return issue_by_page(number, XENVER_version, 0); }, (4 << 16) | 17},
    {"version/unknown by the hypercall page", "public/xen.h", [](Effects&) { return issue_by_page(63, 0, 0); },
     -XEN_ENOSYS},
};

constexpr Row modes[] = {
    {"mode/real mode may not call",
     "docs/requirements/guests.md",
     [](Effects&) { return std::int64_t{answer_in_real_mode()}; },
     -XEN_EPERM,
     real_started,
     {(4 << 16) | 17,
      "Xen takes calls from real mode by the 32-bit convention. No known guest makes one, so they are refused."}},
    {"mode/16-bit protected mode may call", "docs/requirements/guests.md",
     [](Effects&) { return std::int64_t{answer_in_protected16()}; }, (4 << 16) | 17, real_started},
};

template <Word Number> std::int64_t plain(Effects&) {
    return issue(Number, 0, 0, 0);
}
template <Word Number, Word Operation> std::int64_t with_scratch(Effects&) {
    return issue(Number, Operation, address_of(scratch), 1);
}

constexpr OnXen version_first{
    -XEN_EACCES, "Xen looks at the interface version first. Here the tools' calls are refused whatever they say."};

constexpr const char* xen_h = "public/xen.h, section HYPERCALLS";

constexpr Row numbers[] = {
    {"number/set_trap_table is for PV", xen_h, plain<__HYPERVISOR_set_trap_table>, -XEN_ENOSYS},
    {"number/mmu_update is for PV", xen_h, plain<__HYPERVISOR_mmu_update>, -XEN_ENOSYS},
    {"number/set_gdt is for PV", xen_h, plain<__HYPERVISOR_set_gdt>, -XEN_ENOSYS},
    {"number/stack_switch is for PV", xen_h, plain<__HYPERVISOR_stack_switch>, -XEN_ENOSYS},
    {"number/set_callbacks is for PV", xen_h, plain<__HYPERVISOR_set_callbacks>, -XEN_ENOSYS},
    {"number/fpu_taskswitch is for PV", xen_h, plain<__HYPERVISOR_fpu_taskswitch>, -XEN_ENOSYS},
    {"number/sched_op_compat is for PV", xen_h, plain<__HYPERVISOR_sched_op_compat>, -XEN_ENOSYS},
    {"number/set_debugreg is for PV", xen_h, plain<__HYPERVISOR_set_debugreg>, -XEN_ENOSYS},
    {"number/get_debugreg is for PV", xen_h, plain<__HYPERVISOR_get_debugreg>, -XEN_ENOSYS},
    {"number/update_descriptor is for PV", xen_h, plain<__HYPERVISOR_update_descriptor>, -XEN_ENOSYS},
    {"number/11 is none", xen_h, plain<11>, -XEN_ENOSYS},
    {"number/update_va_mapping is for PV", xen_h, plain<__HYPERVISOR_update_va_mapping>, -XEN_ENOSYS},
    {"number/event_channel_op_compat is gone", xen_h, plain<__HYPERVISOR_event_channel_op_compat>, -XEN_ENOSYS},
    {"number/physdev_op_compat is gone", xen_h, plain<__HYPERVISOR_physdev_op_compat>, -XEN_ENOSYS},
    {"number/iret is for PV", xen_h, plain<__HYPERVISOR_iret>, -XEN_ENOSYS},
    {"number/set_segment_base is for PV", xen_h, plain<__HYPERVISOR_set_segment_base>, -XEN_ENOSYS},
    {"number/mmuext_op is for PV",
     xen_h,
     [](Effects&) { return issue(__HYPERVISOR_mmuext_op, address_of(scratch), 0, 0, DOMID_SELF); },
     -XEN_ENOSYS,
     wide,
     {-XEN_EINVAL, "Xen finds out later that the domain is none of that kind."}},
    {"number/mmuext_op is for PV, 32-bit",
     xen_h,
     [](Effects&) { return issue(__HYPERVISOR_mmuext_op, address_of(scratch), 0, 0, DOMID_SELF); },
     -XEN_ENOSYS,
     narrow,
     {0, "Xen looks at the operations before it asks whose they are, and there are none."}},
    {"number/nmi_op is for PV", xen_h, plain<__HYPERVISOR_nmi_op>, -XEN_ENOSYS},
    {"number/callback_op is for PV", xen_h, plain<__HYPERVISOR_callback_op>, -XEN_ENOSYS},
    {"number/tmem_op is gone", xen_h, plain<__HYPERVISOR_tmem_op>, -XEN_ENOSYS},
    {"number/argo_op is not built", xen_h, plain<__HYPERVISOR_argo_op>, -XEN_ENOSYS},
    {"number/xenoprof_op is not built", xen_h, plain<__HYPERVISOR_xenoprof_op>, -XEN_ENOSYS},
    {"number/xsm_op without a policy", xen_h, plain<__HYPERVISOR_xsm_op>, -XEN_ENOSYS},
    {"number/43 is none", xen_h, plain<43>, -XEN_ENOSYS},
    {"number/47 is none", xen_h, plain<47>, -XEN_ENOSYS},
    {"number/arch_0 is none", xen_h, plain<__HYPERVISOR_arch_0>, -XEN_ENOSYS},
    {"number/arch_1 is for PV",
     xen_h,
     plain<__HYPERVISOR_arch_1>,
     -XEN_ENOSYS,
     any_width,
     {-XEN_EOPNOTSUPP, "Xen continues domctls by this number. A continuation here takes no number."}},
    {"number/arch_7 is none", xen_h, plain<__HYPERVISOR_arch_7>, -XEN_ENOSYS},
    {"number/56 is none", xen_h, plain<56>, -XEN_ENOSYS},
    {"number/63 is none", xen_h, plain<63>, -XEN_ENOSYS},
    {"number/64 is none", xen_h, plain<64>, -XEN_ENOSYS},
    {"number/4096 is none", xen_h, plain<4096>, -XEN_ENOSYS},
    {"number/2^31 is none", xen_h, plain<0x8000'0000>, -XEN_ENOSYS},
    {"number/2^32-1 is none", xen_h, plain<0xffff'ffff>, -XEN_ENOSYS},
    {"number/2^16 + xen_version is none", xen_h, plain<0x1'0000 + __HYPERVISOR_xen_version>, -XEN_ENOSYS},
    {"number/2^32 + xen_version", xen_h,
     [](Effects&) {
         return issue(static_cast<Word>((std::uint64_t{1} << 32) + __HYPERVISOR_xen_version), XENVER_version);
     },
     -XEN_ENOSYS, wide},
    {"number/platform_op is for dom0", xen_h, with_scratch<__HYPERVISOR_platform_op, 0>, -XEN_EPERM, any_width,
     version_first},
    {"number/sysctl is for dom0", xen_h, with_scratch<__HYPERVISOR_sysctl, 0>, -XEN_EPERM, any_width, version_first},
    {"number/domctl is for dom0", xen_h, with_scratch<__HYPERVISOR_domctl, 0>, -XEN_EPERM, any_width, version_first},
    {"number/kexec_op is for PV", xen_h, with_scratch<__HYPERVISOR_kexec_op, 0>, -XEN_ENOSYS},
    {"number/hypfs_op is for dom0", xen_h, with_scratch<__HYPERVISOR_hypfs_op, 0>, -XEN_EPERM},
    {"number/dm_op is for device models", xen_h,
     [](Effects&) { return issue(__HYPERVISOR_dm_op, own_domain(), 1, address_of(scratch)); }, -XEN_EPERM},
    {"number/physdev_op has nothing for PVH", xen_h, with_scratch<__HYPERVISOR_physdev_op, PHYSDEVOP_irq_status_query>,
     -XEN_ENOSYS},
    {"number/xenpmu_op",
     "public/pmu.h",
     with_scratch<__HYPERVISOR_xenpmu_op, 0>,
     -XEN_ENOSYS,
     any_width,
     {-XEN_EOPNOTSUPP, "Xen knows the call, and has no virtual PMU unless told to. Here there is none."}},
};

} // namespace

const Group version_rows{"xen_version", version};
const Group mode_rows{"modes", modes};
const Group number_rows{"hypercall numbers", numbers};

} // namespace bulkhead::conformance
