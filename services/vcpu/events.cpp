// SPDX-License-Identifier: Apache-2.0
// 2-level event delivery. All bits are changed by atomic operations: the guest does the same at the same time.
// It must not know: who is connected to whom, how the guest gets the interrupt.
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
        mark_upcall_pending(v);
    }
}

} // namespace

std::uint32_t event_port_limit(const Domain& d) {
    return shared_layout(d.width).ports();
}

void raise(Domain& d, Port port) {
    if (port.value >= event_port_limit(d) || pending_bits(d).test_and_set(port.value)) {
        return;
    }
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
    if (port.value < event_port_limit(d) && masked_bits(d).test_and_clear(port.value) && is_pending(d, port)) {
        notify(d, port);
    }
}

bool is_pending(const Domain& d, Port port) {
    return port.value < event_port_limit(d) && pending_bits(d).test(port.value);
}

void clear_pending(Domain& d, Port port) {
    if (port.value < event_port_limit(d)) {
        (void)pending_bits(d).test_and_clear(port.value);
    }
}

bool upcall_pending(const Vcpu& v) {
    return __atomic_load_n(&v.info->evtchn_upcall_pending, __ATOMIC_SEQ_CST) != 0;
}

void mark_upcall_pending(Vcpu& v) {
    const bool was = __atomic_exchange_n(&v.info->evtchn_upcall_pending, std::uint8_t{1}, __ATOMIC_SEQ_CST) != 0;
    if (!was && v.upcall_vector != 0) {
        v.lapic.request(v.upcall_vector);
    }
}

void mark_everything_pending(const Domain& d, Vcpu& v) {
    const SharedLayout& layout = shared_layout(d.width);
    GuestBits{at_offset(v.info, layout.selector)}.set_all(layout.word_bits);
    mark_upcall_pending(v);
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
