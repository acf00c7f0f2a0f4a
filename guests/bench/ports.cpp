// SPDX-License-Identifier: Apache-2.0
// Event channels that are polled, or that raise upcalls of one's own. It must not know: who else sends.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint32_t word_bits = 8 * sizeof(xen_ulong_t);

std::uint32_t own_port;
volatile std::uint32_t arrived;

/// As little as a guest must do for one port that it knows.
void take_own_port() {
    auto& info = shared().vcpu_info[0];
    info.evtchn_upcall_pending = 0;
    info.evtchn_pending_sel = 0;
    (void)take_pending(own_port);
    arrived = arrived + 1;
}

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

void sleep_for(std::uint64_t nanoseconds) {
    expect_ok(set_timer(system_time() + nanoseconds), "set_singleshot_timer");
    wait_for_event(timer_port());
}

void measure_own_event(const char* row, std::uint32_t port) {
    constexpr std::uint32_t times = 1000;
    own_port = port;
    evtchn_unmask unmask{own_port};
    expect_ok(event_op(EVTCHNOP_unmask, unmask), "unmask");
    take_events_by(take_own_port);
    asm volatile("sti" : : : "memory");
    const std::uint32_t before = arrived;
    measure(row, times, [] {
        const std::uint32_t seen = arrived;
        send(own_port);
        while (arrived == seen) {
        }
    });
    asm volatile("cli" : : : "memory");
    expect(arrived != before || has_word("profile"), "upcalls arrive");
}

} // namespace bulkhead::guest::bench
