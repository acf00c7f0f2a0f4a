// SPDX-License-Identifier: Apache-2.0
// What happens on each exit of the guest.
// It must not know: the run loop.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// `interrupted`: the exit came in the middle of the delivery of an event, which will be delivered again.
void handle_exit(Domain& d, Vcpu& v, ExitReason reason, bool interrupted);

} // namespace bulkhead::vcpu
