// SPDX-License-Identifier: Apache-2.0
// How a vCPU has spent its time (public/vcpu.h, vcpu_runstate_info), and the guest's copies of that and of its clock.
// It must not know: why a vCPU sleeps.
#pragma once

#include <bulkhead/sys.hpp>

#include "domain.hpp"

namespace bulkhead::vcpu {

void start_runstate(Domain& d, Vcpu& v);
/// The vCPU is in that RUNSTATE_* from now on. What it spent in the old one is added up; but when its thread wanted the
/// CPU and did not have it, it was RUNSTATE_runnable. Only the vCPU's own thread knows that and may call this.
void set_runstate(Domain& d, Vcpu& v, int state);
/// Whether its thread has waited for the CPU since that was last added up.
inline bool has_waited(const Vcpu& v) {
    return sys::utcb().waited != v.runstate.waited;
}
/// Adds that up, and tells the guest. On the vCPU's own thread.
void account_wait(Domain& d, Vcpu& v);
/// What VCPUOP_get_runstate_info tells: the time in the present state counts. Of a vCPU that is not the caller's it may
/// be time that will turn out to have been RUNSTATE_runnable.
vcpu_runstate_info current_runstate(const Domain& d, const Vcpu& v);

/// Writes the guest's copy, if it has registered an area and it can be written now: by the page tables of `through`,
/// whose thread is running, as those of another vCPU change under our hands.
bool publish_runstate(Domain& d, Vcpu& v, const Vcpu& through);
/// The same for the clock's second copy (VCPUOP_register_vcpu_time_memory_area).
bool publish_time_area(Domain& d, Vcpu& v, const Vcpu& through);

} // namespace bulkhead::vcpu
