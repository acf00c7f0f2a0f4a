// SPDX-License-Identifier: Apache-2.0
// Event channels that are polled instead of taken by upcalls. It must not know: who sends.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint32_t word_bits = 8 * sizeof(xen_ulong_t);

} // namespace

std::uint32_t bind_ipi(std::uint32_t vcpu) {
    evtchn_bind_ipi bind{vcpu, 0};
    expect_ok(event_op(EVTCHNOP_bind_ipi, bind), "bind_ipi");
    return bind.port;
}

void mask(std::uint32_t port) {
    __atomic_fetch_or(&shared().evtchn_mask[port / word_bits], xen_ulong_t{1} << (port % word_bits), __ATOMIC_SEQ_CST);
}

bool take_pending(std::uint32_t port) {
    const xen_ulong_t bit = xen_ulong_t{1} << (port % word_bits);
    return (__atomic_fetch_and(&shared().evtchn_pending[port / word_bits], ~bit, __ATOMIC_SEQ_CST) & bit) != 0;
}

void send(std::uint32_t port) {
    evtchn_send argument{port};
    (void)event_op(EVTCHNOP_send, argument);
}

void poll(std::uint32_t port) {
    while (!take_pending(port)) {
        evtchn_port_t list = port;
        sched_poll argument{};
        argument.ports.p = &list;
        argument.nr_ports = 1;
        expect_ok(hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, argument), "poll");
    }
}

} // namespace bulkhead::guest::bench
