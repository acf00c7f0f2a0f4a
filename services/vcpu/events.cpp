// SPDX-License-Identifier: Apache-2.0
// 2-level event delivery. All bits are changed by atomic operations: the guest does the same at the same time.
// It must not know: who is connected to whom, how the guest gets the interrupt.
#include "events.hpp"

#include <bulkhead/events.hpp>

namespace bulkhead::vcpu {

namespace {

constexpr std::uint32_t word_bits = 64;

using Words = xen_ulong_t[word_bits];

bool test(const Words& words, std::uint32_t bit) {
    return ((__atomic_load_n(&words[bit / word_bits], __ATOMIC_SEQ_CST) >> (bit % word_bits)) & 1) != 0;
}
bool test_and_set(xen_ulong_t& word, std::uint32_t bit) {
    const xen_ulong_t mask = xen_ulong_t{1} << bit;
    return (__atomic_fetch_or(&word, mask, __ATOMIC_SEQ_CST) & mask) != 0;
}
bool test_and_clear(xen_ulong_t& word, std::uint32_t bit) {
    const xen_ulong_t mask = xen_ulong_t{1} << bit;
    return (__atomic_fetch_and(&word, ~mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

Vcpu& notified(Domain& d, Port port) {
    Vcpu* v = d.vcpu(d.ports[port.value].vcpu);
    return v != nullptr ? *v : d.vcpus[0];
}

/// Second level and upcall of a port that is pending and not masked.
void notify(Domain& d, Port port) {
    Vcpu& v = notified(d, port);
    if (!test_and_set(v.info->evtchn_pending_sel, port.value / word_bits)) {
        mark_upcall_pending(v);
    }
}

} // namespace

void raise(Domain& d, Port port) {
    if (test_and_set(d.shared->evtchn_pending[port.value / word_bits], port.value % word_bits)) {
        return;
    }
    if (!test(d.shared->evtchn_mask, port.value)) {
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
    if (test_and_clear(d.shared->evtchn_mask[port.value / word_bits], port.value % word_bits) && is_pending(d, port)) {
        notify(d, port);
    }
}

bool is_pending(const Domain& d, Port port) {
    return test(d.shared->evtchn_pending, port.value);
}

void clear_pending(Domain& d, Port port) {
    (void)test_and_clear(d.shared->evtchn_pending[port.value / word_bits], port.value % word_bits);
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

void mark_everything_pending(Vcpu& v) {
    __atomic_store_n(&v.info->evtchn_pending_sel, ~xen_ulong_t{0}, __ATOMIC_SEQ_CST);
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
