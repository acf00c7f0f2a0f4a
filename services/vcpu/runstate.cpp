// SPDX-License-Identifier: Apache-2.0
// Runstate accounting. The guest reads its copy without a lock: with the update flag it can see that it is being
// written. It must not know: why a vCPU sleeps.
#include "runstate.hpp"

namespace bulkhead::vcpu {

void start_runstate(Domain& d, Vcpu& v) {
    v.runstate.info = {};
    v.runstate.info.state = RUNSTATE_running;
    v.runstate.info.state_entry_time = d.now_ns();
}

void set_runstate(Domain& d, Vcpu& v, int state) {
    vcpu_runstate_info& info = v.runstate.info;
    const std::uint64_t now = d.now_ns();
    info.time[info.state] += now - info.state_entry_time;
    info.state = state;
    info.state_entry_time = now;
}

vcpu_runstate_info current_runstate(const Domain& d, const Vcpu& v) {
    vcpu_runstate_info info = v.runstate.info;
    info.time[info.state] += d.now_ns() - info.state_entry_time;
    return info;
}

bool publish_runstate(Domain& d, Vcpu& v) {
    if (v.runstate.area == 0) {
        return true;
    }
    GuestAccess access = d.access(v);
    vcpu_runstate_info copy = v.runstate.info;
    if (!d.runstate_update_flag) {
        return access.put(v.runstate.area, copy);
    }
    const std::uint64_t entry_time = v.runstate.area + offsetof(vcpu_runstate_info, state_entry_time);
    copy.state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (!access.put(entry_time, copy.state_entry_time) || !access.put(v.runstate.area, copy)) {
        return false;
    }
    return access.put(entry_time, v.runstate.info.state_entry_time);
}

bool publish_time_area(Domain& d, Vcpu& v) {
    if (v.time_area == 0) {
        return true;
    }
    vcpu_time_info time{};
    GuestAccess access = d.access(v);
    if (!access.get(v.time_area, time)) {
        return false;
    }
    d.clock.publish(time);
    return access.put(v.time_area, time);
}

} // namespace bulkhead::vcpu
