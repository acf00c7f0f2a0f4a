// SPDX-License-Identifier: Apache-2.0
// The capabilities by which this domain signals the other ends of its channels. A connected port has a slot for one,
// which the other end can empty at any time by closing its port. It must not know: hypercalls, event words.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// no_selector: the port has none.
inline Selector sender_of(const Domain& d, Port port) {
    return Selector{d.ports[port.value].sender};
}
/// A free slot; no_selector if all are in use.
Selector take_sender_slot(Domain& d);
/// The port has that slot from now on.
void give_sender(Domain& d, Port port, Selector sender);
/// Gives the slot back, if the port has one.
void drop_sender(Domain& d, Port port);
/// Asks the event component what the port is, and for its sender if it has one by now. The result of EVTCHNOP_send, or
/// -ENOSPC: no slot is left for it.
xen::Result resolve_sender(Domain& d, Port port);
/// Signals the other end. If the peer has closed its port and somebody has bound to ours again since, then the new one.
void send_now(Domain& d, Port port);
/// The same for the event that was to leave with the vCPU's next entry, if there is one.
void flush_signal(Domain& d, Vcpu& v);
/// For an event whose slot was found empty: what send_now does then.
void send_after_failure(Domain& d, Port port);

} // namespace bulkhead::vcpu
