// SPDX-License-Identifier: Apache-2.0
// Interrupts stay away while the guest has them off: its handler takes longer than the period of its timer, without any
// exit of its own, and must never find itself interrupted. Command line: rounds=N.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint8_t upcall_vector = 0xf3;
constexpr std::uint64_t period_ns = 1'000'000;
constexpr std::uint64_t handler_ns = 2'500'000;

std::uint64_t wanted;
std::uint32_t rounds;
bool handling;

void handle_upcall() {
    if (handling) {
        debug_port_write(Line{} << "masked: FAIL, interrupted with interrupts off in upcall " << rounds << '\n');
        shut_down(ShutdownReason::crash);
    }
    handling = true;
    auto& info = shared().vcpu_info[0];
    __atomic_store_n(&info.evtchn_upcall_pending, std::uint8_t{0}, __ATOMIC_SEQ_CST);
    __atomic_store_n(&info.evtchn_pending_sel, xen_ulong_t{0}, __ATOMIC_SEQ_CST);
    __atomic_store_n(&shared().evtchn_pending[0], xen_ulong_t{0}, __ATOMIC_SEQ_CST);
    const auto end = system_time() + handler_ns;
    while (system_time() < end) {
    }
    if (rounds + 1 == wanted) { // or there would be no end: the next upcall waits already
        (void)vcpu_op(VCPUOP_stop_periodic_timer, 0, nullptr);
    }
    handling = false;
    __atomic_fetch_add(&rounds, 1u, __ATOMIC_RELAXED);
}

} // namespace

void guest_main() {
    set_up_events();
    set_interrupt_handler(upcall_vector, handle_upcall);
    wanted = number_of("rounds", 50);
    vcpu_set_periodic_timer timer{period_ns};
    (void)vcpu_op(VCPUOP_set_periodic_timer, 0, &timer);
    while (__atomic_load_n(&rounds, __ATOMIC_RELAXED) < wanted) {
        wait_for_interrupt();
    }
    console_write(Line{} << "masked: PASS after " << rounds << " upcalls\n");
}

} // namespace bulkhead::guest
