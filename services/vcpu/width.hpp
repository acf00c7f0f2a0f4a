// SPDX-License-Identifier: Apache-2.0
// The width of a domain's shared structures. Hypercalls have the width of the code that makes them; what lies in memory
// needs one that lasts, and it is taken ("latched") from the code that sets up the sharing: that has the hypercall page
// filled, maps shared_info, or registers the event callback. It must not know: the operations that do these.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// From now on the domain's shared structures have the width of the code that the vCPU is running. What is in them
/// stays: pending and masked ports (a 32-bit guest has the first 1,024), wall clock; each vCPU's selector.
void latch_width(Domain& d, const Vcpu& caller);

/// Writes what the wall clock said at system time 0 into shared_info.
void publish_wall_clock(Domain& d);

} // namespace bulkhead::vcpu
