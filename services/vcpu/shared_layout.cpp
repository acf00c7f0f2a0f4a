// SPDX-License-Identifier: Apache-2.0
// The two layouts, out of the public headers: those for this width, and what they say about the other one.
// It must not know: what is done with them.
#include "shared_layout.hpp"

#undef xen_wc_sec_hi // the other width's header has its own
#include <xen/foreign/x86_32.h>

namespace bulkhead::vcpu {

namespace {

constexpr SharedLayout layout_64{
    8 * sizeof(xen_ulong_t),
    offsetof(shared_info, evtchn_pending),
    offsetof(shared_info, evtchn_mask),
    offsetof(shared_info, wc_version),
    offsetof(shared_info, wc_sec),
    offsetof(shared_info, wc_nsec),
    offsetof(shared_info, wc_sec_hi),
    sizeof(shared_info),
    offsetof(vcpu_info, evtchn_pending_sel),
};
static_assert(layout_64.ports() == EVTCHN_2L_NR_CHANNELS);

constexpr SharedLayout layout_32{
    8 * sizeof(shared_info_x86_32::evtchn_pending[0]),
    offsetof(shared_info_x86_32, evtchn_pending),
    offsetof(shared_info_x86_32, evtchn_mask),
    offsetof(shared_info_x86_32, wc_version),
    offsetof(shared_info_x86_32, wc_sec),
    offsetof(shared_info_x86_32, wc_nsec),
    offsetof(shared_info_x86_32, arch.wc_sec_hi),
    sizeof(shared_info_x86_32),
    offsetof(vcpu_info_x86_32, evtchn_pending_sel),
};
static_assert(offsetof(vcpu_info_x86_32, evtchn_upcall_pending) == offsetof(vcpu_info, evtchn_upcall_pending) &&
              offsetof(vcpu_info_x86_32, evtchn_upcall_mask) == offsetof(vcpu_info, evtchn_upcall_mask) &&
              offsetof(vcpu_info_x86_32, time) == offsetof(vcpu_info, time) &&
              sizeof(vcpu_info_x86_32) == sizeof(vcpu_info) && sizeof(vcpu_time_info_x86_32) == sizeof(vcpu_time_info));

} // namespace

const SharedLayout& shared_layout(Width width) {
    return width == Width::x86_32 ? layout_32 : layout_64;
}

} // namespace bulkhead::vcpu
