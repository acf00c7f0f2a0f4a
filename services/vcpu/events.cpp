// SPDX-License-Identifier: Apache-2.0
// Event delivery; here are the 2-level ABI's bits, the FIFO ABI's queues are in fifo.cpp. All bits are changed by
// atomic operations: the guest does the same at the same time. It must not know: who is connected to whom, how the
// guest gets the interrupt.
#include "events.hpp"

#include <bulkhead/events.hpp>

namespace bulkhead::vcpu {

namespace {

GuestBits pending_bits(const Domain& d) {
    return GuestBits{at_offset(d.shared, shared_layout(d.width).pending)};
}
GuestBits masked_bits(const Domain& d) {
    return GuestBits{at_offset(d.shared, shared_layout(d.width).mask)};
}

Vcpu& notified(Domain& d, Port port) {
    Vcpu* v = d.vcpu(d.ports[port.value].vcpu);
    return v != nullptr ? *v : d.vcpus[0];
}

/// Second level and upcall of a port that is pending and not masked.
void notify(Domain& d, Port port) {
    Vcpu& v = notified(d, port);
    const SharedLayout& layout = shared_layout(d.width);
    if (!GuestBits{at_offset(v.info, layout.selector)}.test_and_set(port.value / layout.word_bits)) {
        mark_upcall_pending(d, v);
    }
}

/// Whoever polls waits for the bit, not for the upcall.
void wake_pollers(Domain& d, Port port) {
    for (std::uint32_t i = 0; d.config.vcpus > 1 && i < d.config.vcpus; ++i) {
        const Vcpu& v = d.vcpus[i];
        for (std::uint32_t k = 0; v.sleep == Sleep::polling && k < v.poll_count; ++k) {
            if (v.poll_port[k] == port.value) {
                d.kick(v);
            }
        }
    }
}

/// A port that has been put into a queue which the guest does not know of yet.
void tell(Domain& d, Port port, bool news) {
    if (news) {
        mark_upcall_pending(d, notified(d, port));
    }
}

} // namespace

std::uint32_t event_port_limit(const Domain& d) {
    const std::uint32_t limit = d.fifo.active() ? EVTCHN_FIFO_NR_CHANNELS : shared_layout(d.width).ports();
    return limit < max_ports ? limit : max_ports;
}

void raise(Domain& d, Port port) {
    if (d.fifo.active()) {
        tell(d, port, d.fifo.raise(port.value, notified(d, port).id));
        wake_pollers(d, port);
        return;
    }
    if (port.value >= event_port_limit(d) || pending_bits(d).test_and_set(port.value)) {
        return;
    }
    wake_pollers(d, port);
    if (!masked_bits(d).test(port.value)) {
        notify(d, port);
    }
}

void raise_virq(Domain& d, Vcpu& v, std::uint32_t virq) {
    const Port port{v.virq_port[virq]};
    if (is_port(port.value)) {
        raise(d, port);
    }
}

void unmask(Domain& d, Port port) {
    if (d.fifo.active()) {
        tell(d, port, d.fifo.unmask(port.value, notified(d, port).id));
        return;
    }
    if (port.value < event_port_limit(d) && masked_bits(d).test_and_clear(port.value) && is_pending(d, port)) {
        notify(d, port);
    }
}

bool is_pending(const Domain& d, Port port) {
    if (d.fifo.active()) {
        return d.fifo.is_pending(port.value);
    }
    return port.value < event_port_limit(d) && pending_bits(d).test(port.value);
}

void clear_pending(Domain& d, Port port) {
    if (d.fifo.active()) {
        d.fifo.clear_pending(port.value);
        return;
    }
    if (port.value < event_port_limit(d)) {
        (void)pending_bits(d).test_and_clear(port.value);
    }
}

void start_fifo(Domain& d) {
    const GuestBits before = pending_bits(d);
    const std::uint32_t ports = event_port_limit(d);
    d.fifo.start();
    for (std::uint32_t port = 1; port < ports; ++port) {
        if (d.ports[port].kind != PortKind::closed && before.test_and_clear(port)) {
            d.fifo.hold(port);
        }
    }
}

void raise_again(Domain& d, std::uint32_t first, std::uint32_t end) {
    for (std::uint32_t port = first; port < end && port < max_ports; ++port) {
        if (d.ports[port].kind != PortKind::closed) {
            tell(d, Port{port}, d.fifo.raise_again(port, notified(d, Port{port}).id));
        }
    }
}

bool upcall_pending(const Vcpu& v) {
    return __atomic_load_n(&v.info->evtchn_upcall_pending, __ATOMIC_SEQ_CST) != 0;
}

void mark_upcall_pending(Domain& d, Vcpu& v) {
    const bool was = __atomic_exchange_n(&v.info->evtchn_upcall_pending, std::uint8_t{1}, __ATOMIC_SEQ_CST) != 0;
    if (was) {
        return;
    }
    if (v.upcall_vector != 0) {
        d.post(v, v.upcall_vector);
    } else {
        d.kick(v);
    }
}

void mark_everything_pending(Domain& d, Vcpu& v) {
    const SharedLayout& layout = shared_layout(d.width);
    GuestBits{at_offset(v.info, layout.selector)}.set_all(layout.word_bits);
    mark_upcall_pending(d, v);
}

std::uint32_t take_signals(Domain& d, EventPage& page) {
    std::uint32_t taken = 0;
    (void)drain(page, [&](std::uint32_t bit) {
        if (is_port(bit) && d.ports[bit].kind != PortKind::closed) {
            raise(d, Port{bit});
            ++taken;
        }
    });
    return taken;
}

} // namespace bulkhead::vcpu
