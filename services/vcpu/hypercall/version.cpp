// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_xen_version (public/version.h).
// It must not know: other hypercalls.
#include "argument.hpp"

#include <guest_version.layout.hpp>

namespace bulkhead::vcpu {

namespace {

constexpr char extra_version[] = ".0-bulkhead";
constexpr char capabilities_text[] = "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64";
constexpr char change_set[] = "unavailable";
constexpr char denied[] = "<denied>";

constexpr std::uint32_t features = (1u << XENFEAT_writable_page_tables) | (1u << XENFEAT_auto_translated_physmap) |
                                   (1u << XENFEAT_hvm_callback_vector) | (1u << XENFEAT_hvm_safe_pvclock) |
                                   (1u << XENFEAT_memory_op_vnode_supported) | (1u << XENFEAT_not_direct_mapped);

/// The text, zero-padded to the size of the guest's buffer.
template <std::size_t Size, std::size_t Length> xen::Result put_text(Call& call, const char (&text)[Length]) {
    static_assert(Length <= Size);
    char buffer[Size]{};
    __builtin_memcpy(buffer, text, Length);
    return call.access.put(call.arg[1], buffer) ? 0 : -XEN_EFAULT;
}

xen::Result version(Call&) {
    return (xen::version_major << 16) | xen::version_minor;
}

xen::Result extraversion(Call& call) {
    return put_text<XEN_EXTRAVERSION_LEN>(call, extra_version);
}

xen::Result compile_info(Call& call) {
    return with_in_out<bulkhead_guest_CompileInfo>(call, call.arg[1],
                                                   [](bulkhead_guest_CompileInfo& info) -> xen::Result {
                                                       constexpr char compiler[] = "g++ " __VERSION__;
                                                       static_assert(sizeof compiler <= sizeof info.compiler);
                                                       info = {};
                                                       __builtin_memcpy(info.compiler, compiler, sizeof compiler);
                                                       return 0;
                                                   });
}

xen::Result capabilities(Call& call) {
    return put_text<XEN_CAPABILITIES_INFO_LEN>(call, capabilities_text);
}

xen::Result changeset(Call& call) {
    return put_text<XEN_CHANGESET_INFO_LEN>(call, change_set);
}

/// No part of the guest's address space is the hypervisor's.
xen::Result platform_parameters(Call& call) {
    return with_in_out<bulkhead_guest_PlatformParameters>(
        call, call.arg[1], [](bulkhead_guest_PlatformParameters& parameters) -> xen::Result {
            parameters.virt_start = 0;
            return 0;
        });
}

xen::Result get_features(Call& call) {
    return with_in_out<bulkhead_guest_FeatureInfo>(call, call.arg[1],
                                                   [](bulkhead_guest_FeatureInfo& info) -> xen::Result {
                                                       if (info.submap_idx >= XENFEAT_NR_SUBMAPS) {
                                                           return -XEN_EINVAL;
                                                       }
                                                       info.submap = features;
                                                       return 0;
                                                   });
}

xen::Result pagesize(Call& call) {
    return call.arg[1] == 0 ? static_cast<xen::Result>(page_size) : -XEN_EINVAL;
}

xen::Result guest_handle(Call& call) {
    return call.access.put(call.arg[1], call.d.config.uuid) ? 0 : -XEN_EFAULT;
}

xen::Result commandline(Call& call) {
    return call.access.put(call.arg[1], denied) ? 0 : -XEN_EFAULT;
}

constexpr Operation operations[] = {
    {XENVER_version, version},           {XENVER_extraversion, extraversion},
    {XENVER_compile_info, compile_info}, {XENVER_capabilities, capabilities},
    {XENVER_changeset, changeset},       {XENVER_platform_parameters, platform_parameters},
    {XENVER_get_features, get_features}, {XENVER_pagesize, pagesize},
    {XENVER_guest_handle, guest_handle}, {XENVER_commandline, commandline},
    {XENVER_build_id, not_permitted},
};

} // namespace

xen::Result xen_version(Call& call) {
    return run_operation<operations>(call, static_cast<std::uint32_t>(call.arg[0]));
}

} // namespace bulkhead::vcpu
