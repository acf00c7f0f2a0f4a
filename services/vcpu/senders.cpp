// SPDX-License-Identifier: Apache-2.0
// Senders: one attempt with what is there, one with what the event component says. What then fails is nobody's event.
// It must not know: hypercalls, event words.
#include "senders.hpp"

#include <bulkhead/sys.hpp>

#include "hypercall/ask.hpp"

namespace bulkhead::vcpu {

Selector take_sender_slot(Domain& d) {
    if (const auto free = d.sender_slots.allocate()) {
        return *free;
    }
    // What peers have taken away by closing still has its slot: nobody has sent there since.
    for (std::uint32_t port = 1; port < max_ports; ++port) {
        const Selector sender = sender_of(d, Port{port});
        if (sender != no_selector && !sys::inspect(sender)) {
            drop_sender(d, Port{port});
            d.ports[port].kind = PortKind::unknown;
        }
    }
    const auto free = d.sender_slots.allocate();
    return free ? *free : no_selector;
}

void give_sender(Domain& d, Port port, Selector sender) {
    d.ports[port.value].kind = PortKind::interdomain;
    d.ports[port.value].sender = static_cast<std::uint16_t>(sender.value);
}

void drop_sender(Domain& d, Port port) {
    const Selector sender = sender_of(d, port);
    if (sender != no_selector) {
        (void)sys::remove(sender); // it may be empty
        d.sender_slots.release(sender);
        d.ports[port.value].sender = 0;
    }
}

xen::Result resolve_sender(Domain& d, Port port) {
    drop_sender(d, port);
    d.ports[port.value].kind = PortKind::unknown;
    const Selector sender = take_sender_slot(d);
    if (sender == no_selector) {
        return -XEN_ENOSPC;
    }
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_get_sender_tag;
    request.request.get_sender.port = port.value;
    std::uint32_t received = 0;
    const bulkhead_EventReply reply = ask_event(request, sender, &received);
    if (received != 0 && reply.result == 0) {
        give_sender(d, port, sender);
    } else {
        (void)sys::remove(sender); // nothing has come, unless the component is wrong
        d.sender_slots.release(sender);
    }
    return reply.result;
}

void send_now(Domain& d, Port port) {
    if (sys::signal(sender_of(d, port)) != Status::ok) {
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
    if (d.ports[port.value].kind == PortKind::closed) { // by another vCPU, meanwhile
        return;
    }
    (void)resolve_sender(d, port);
    if (sender_of(d, port) != no_selector && sys::signal(sender_of(d, port)) != Status::ok) {
        drop_sender(d, port);
        d.ports[port.value].kind = PortKind::unknown;
    }
}

} // namespace bulkhead::vcpu
