// SPDX-License-Identifier: Apache-2.0
// The capabilities by which this domain signals the other ends of its channels: one slot for each port, which the other
// end can empty at any time by closing its port. It must not know: hypercalls, event words.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

constexpr Selector sender_slot(Port port) {
    return Selector{slot::first_port.value + port.value};
}

/// The slot may be empty.
void drop_sender(Port port);
/// Asks the event component what the port is, and for its sender if it has one by now. The result of EVTCHNOP_send.
xen::Result resolve_sender(Domain& d, Port port);
/// Signals the other end. If the peer has closed its port and somebody has bound to ours again since, then the new one.
void send_now(Domain& d, Port port);
/// The same for the event that was to leave with the vCPU's next entry, if there is one.
void flush_signal(Domain& d, Vcpu& v);
/// For an event whose slot was found empty: what send_now does then.
void send_after_failure(Domain& d, Port port);

} // namespace bulkhead::vcpu
