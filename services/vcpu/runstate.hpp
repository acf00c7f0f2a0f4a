// SPDX-License-Identifier: Apache-2.0
// How a vCPU has spent its time (public/vcpu.h, vcpu_runstate_info), and the guest's copies of that and of its clock.
// It must not know: why a vCPU sleeps.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

void start_runstate(Domain& d, Vcpu& v);
/// The vCPU is in that RUNSTATE_* from now on. What it spent in the old one is added up.
void set_runstate(Domain& d, Vcpu& v, int state);
/// What VCPUOP_get_runstate_info tells: the time in the present state counts.
vcpu_runstate_info current_runstate(const Domain& d, const Vcpu& v);

/// Writes the guest's copy, if it has registered an area and it can be written now: by the page tables of `through`,
/// whose thread is running, as those of another vCPU change under our hands.
bool publish_runstate(Domain& d, Vcpu& v, const Vcpu& through);
/// The same for the clock's second copy (VCPUOP_register_vcpu_time_memory_area).
bool publish_time_area(Domain& d, Vcpu& v, const Vcpu& through);

} // namespace bulkhead::vcpu
