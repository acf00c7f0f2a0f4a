// SPDX-License-Identifier: Apache-2.0
// Senders: one attempt with what is there, one with what the event component says. What then fails is nobody's event.
// It must not know: hypercalls, event words.
#include "senders.hpp"

#include <bulkhead/sys.hpp>

#include "hypercall/ask.hpp"

namespace bulkhead::vcpu {

void drop_sender(Port port) {
    (void)sys::remove(sender_slot(port));
}

xen::Result resolve_sender(Domain& d, Port port) {
    drop_sender(port);
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_get_sender_tag;
    request.request.get_sender.port = port.value;
    std::uint32_t received = 0;
    const bulkhead_EventReply reply = ask_event(request, sender_slot(port), &received);
    d.ports[port.value].kind = received != 0 && reply.result == 0 ? PortKind::interdomain : PortKind::unknown;
    return reply.result;
}

void send_now(Domain& d, Port port) {
    if (sys::signal(sender_slot(port)) != Status::ok) {
        send_after_failure(d, port);
    }
}

void flush_signal(Domain& d, Vcpu& v) {
    if (v.signal_port.value != 0) {
        const Port port = v.signal_port;
        v.signal_port = Port{0};
        send_now(d, port);
    }
}

void send_after_failure(Domain& d, Port port) {
    PortKind& kind = d.ports[port.value].kind;
    if (kind == PortKind::closed) { // by another vCPU, meanwhile
        return;
    }
    (void)resolve_sender(d, port);
    if (kind == PortKind::interdomain && sys::signal(sender_slot(port)) != Status::ok) {
        kind = PortKind::unknown;
    }
}

} // namespace bulkhead::vcpu
