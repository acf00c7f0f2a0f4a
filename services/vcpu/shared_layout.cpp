// SPDX-License-Identifier: Apache-2.0
// The two layouts, out of the schema of the public headers.
// It must not know: what is done with them.
#include "shared_layout.hpp"

#include <guest_shared.layout.hpp>

namespace bulkhead::vcpu {

namespace {

template <typename SharedInfo, typename VcpuInfo> constexpr SharedLayout layout_of(std::uint32_t wc_sec_hi) {
    // `Vcpu::info` is used directly for these, whatever the guest's width.
    static_assert(offsetof(VcpuInfo, evtchn_upcall_pending) == offsetof(vcpu_info, evtchn_upcall_pending) &&
                  offsetof(VcpuInfo, evtchn_upcall_mask) == offsetof(vcpu_info, evtchn_upcall_mask) &&
                  offsetof(VcpuInfo, time) == offsetof(vcpu_info, time) && sizeof(VcpuInfo) == sizeof(vcpu_info) &&
                  offsetof(SharedInfo, vcpu_info) == 0);
    return {8 * sizeof(SharedInfo::evtchn_pending[0]),
            offsetof(SharedInfo, evtchn_pending),
            offsetof(SharedInfo, evtchn_mask),
            offsetof(SharedInfo, wc_version),
            offsetof(SharedInfo, wc_sec),
            offsetof(SharedInfo, wc_nsec),
            wc_sec_hi,
            sizeof(SharedInfo),
            offsetof(VcpuInfo, evtchn_pending_sel)};
}

constexpr SharedLayout layout_64 =
    layout_of<guest::x86_64::SharedInfo, guest::x86_64::VcpuInfo>(offsetof(guest::x86_64::SharedInfo, wc_sec_hi));
constexpr SharedLayout layout_32 = layout_of<guest::x86_32::SharedInfo, guest::x86_32::VcpuInfo>(
    offsetof(guest::x86_32::SharedInfo, arch) + offsetof(guest::x86_32::ArchSharedInfo, wc_sec_hi));
static_assert(layout_64.ports() == EVTCHN_2L_NR_CHANNELS);

} // namespace

const SharedLayout& shared_layout(Width width) {
    return width == Width::x86_32 ? layout_32 : layout_64;
}

} // namespace bulkhead::vcpu
