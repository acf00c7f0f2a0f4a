// SPDX-License-Identifier: Apache-2.0
// Runstate accounting. The guest reads its copy without a lock: with the update flag it can see that it is being
// written. It must not know: why a vCPU sleeps.
#include "runstate.hpp"

#include <algorithm>
#include <iterator>

#include <bulkhead/sys.hpp>

#include <guest_vcpu.layout.hpp>

namespace bulkhead::vcpu {

void start_runstate(Domain& d, Vcpu& v) {
    v.runstate.info = {};
    v.runstate.info.state = v.power.up ? RUNSTATE_running : RUNSTATE_offline;
    v.runstate.info.state_entry_time = d.now_ns();
}

void set_runstate(Domain& d, Vcpu& v, int state) {
    vcpu_runstate_info& info = v.runstate.info;
    const std::uint64_t now = d.now_ns();
    const std::uint64_t passed = now - info.state_entry_time;
    const std::uint64_t waited = sys::utcb().waited;
    info.time[info.state] += passed;
    if (waited != v.runstate.waited) {
        const std::uint64_t runnable = std::min(d.clock.scale().ns(waited - v.runstate.waited), passed);
        v.runstate.waited = waited;
        info.time[info.state] -= runnable;
        info.time[RUNSTATE_runnable] += runnable;
    }
    info.state = state;
    info.state_entry_time = now;
}

void account_wait(Domain& d, Vcpu& v) {
    set_runstate(d, v, v.runstate.info.state);
    (void)publish_runstate(d, v, v); // an area that is gone is the guest's loss
}

vcpu_runstate_info current_runstate(const Domain& d, const Vcpu& v) {
    vcpu_runstate_info info = v.runstate.info;
    info.time[info.state] += d.now_ns() - info.state_entry_time;
    return info;
}

namespace {

/// Writes the area in one of its layouts. With the update flag the guest can tell, by the version-like bit in the entry
/// time, that it is being written (public/vcpu.h, XEN_RUNSTATE_UPDATE).
template <typename Layout>
bool put_runstate(GuestAccess access, std::uint64_t area, const vcpu_runstate_info& info, bool flagged) {
    Layout copy{};
    copy.state = info.state;
    copy.state_entry_time = info.state_entry_time;
    for (std::size_t i = 0; i < std::size(info.time); ++i) {
        copy.time[i] = info.time[i];
    }
    if (!flagged) {
        return access.put(area, copy);
    }
    const std::uint64_t entry_time = area + offsetof(Layout, state_entry_time);
    const std::uint64_t before = info.state_entry_time | XEN_RUNSTATE_UPDATE;
    copy.state_entry_time = before; // a member of a layout may not be aligned: it is not passed by reference
    return access.put(entry_time, before) && access.put(area, copy) && access.put(entry_time, info.state_entry_time);
}

} // namespace

bool publish_runstate(Domain& d, Vcpu& v, const Vcpu& through) {
    if (v.runstate.area == 0) {
        return true;
    }
    const auto put = d.width == Width::x86_32 ? put_runstate<guest::x86_32::VcpuRunstateInfo>
                                              : put_runstate<guest::x86_64::VcpuRunstateInfo>;
    return put(d.access(through), v.runstate.area, v.runstate.info, d.runstate_update_flag);
}

bool publish_time_area(Domain& d, Vcpu& v, const Vcpu& through) {
    if (v.time_area == 0) {
        return true;
    }
    vcpu_time_info time{};
    GuestAccess access = d.access(through);
    if (!access.get(v.time_area, time)) {
        return false;
    }
    d.clock.publish(time);
    return access.put(v.time_area, time);
}

} // namespace bulkhead::vcpu
