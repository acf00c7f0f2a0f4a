// SPDX-License-Identifier: Apache-2.0
// The operations of the FIFO ABI, for event_channel.cpp's table.
// It must not know: ports' connections.
#pragma once

#include "call.hpp"

namespace bulkhead::vcpu {

xen::Result init_control(Call& call);
xen::Result expand_array(Call& call);
xen::Result set_priority(Call& call);

} // namespace bulkhead::vcpu
