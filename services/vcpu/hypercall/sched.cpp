// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_sched_op (public/sched.h). What puts the vCPU to sleep only says so: the run loop does it.
// It must not know: the run loop.
#include "argument.hpp"

#include <guest_sched.layout.hpp>

#include "events.hpp"

namespace bulkhead::vcpu {

namespace {

xen::Result yield(Call& call) {
    call.v.yield = true;
    return 0;
}

xen::Result block(Call& call) {
    // The mask is cleared when the vCPU asks to block (public/xen.h): no wake-up can get lost.
    __atomic_store_n(&call.v.info->evtchn_upcall_mask, std::uint8_t{0}, __ATOMIC_SEQ_CST);
    if (!upcall_pending(call.v) && call.v.sleep == Sleep::awake) { // a flush earlier in a multicall is waited for
        call.v.sleep = Sleep::blocked;
    }
    return 0;
}

xen::Result shutdown(Call& call) {
    return with_input<bulkhead_guest_SchedShutdown>(call, call.arg[1],
                                                    [&](const bulkhead_guest_SchedShutdown& s) -> xen::Result {
                                                        call.d.end(s.reason & 0xff, "SCHEDOP_shutdown");
                                                        return 0;
                                                    });
}

xen::Result shutdown_code(Call& call) {
    return with_input<bulkhead_guest_SchedShutdown>(call, call.arg[1],
                                                    [&](const bulkhead_guest_SchedShutdown& s) -> xen::Result {
                                                        if (!call.d.shutdown_latched) {
                                                            call.d.shutdown_latched = true;
                                                            call.d.shutdown_reason = s.reason & 0xff;
                                                        }
                                                        return 0;
                                                    });
}

/// Reads and checks the ports. 1: one of them is pending already.
xen::Result read_poll_ports(Call& call, const bulkhead_guest_SchedPoll& poll) {
    Vcpu& v = call.v;
    const std::uint64_t bytes = poll.nr_ports * sizeof v.poll_port[0];
    if (!addressable(call.wide, poll.ports, bytes) || !call.access.read(poll.ports, v.poll_port, bytes)) {
        return -XEN_EFAULT;
    }
    for (std::uint32_t i = 0; i < poll.nr_ports; ++i) {
        if (!is_port(v.poll_port[i]) || v.poll_port[i] >= event_port_limit(call.d)) {
            return -XEN_EINVAL;
        }
        if (is_pending(call.d, Port{v.poll_port[i]})) {
            return 1;
        }
    }
    return 0;
}

xen::Result poll(Call& call) {
    return with_input<bulkhead_guest_SchedPoll>(call, call.arg[1],
                                                [&](const bulkhead_guest_SchedPoll& p) -> xen::Result {
                                                    if (p.nr_ports > max_poll_ports) {
                                                        return -XEN_EINVAL;
                                                    }
                                                    const xen::Result ready = read_poll_ports(call, p);
                                                    if (ready < 0) {
                                                        return ready;
                                                    }
                                                    if (ready == 0 && call.v.sleep == Sleep::awake) {
                                                        call.v.poll_count = p.nr_ports;
                                                        call.v.sleep = Sleep::polling;
                                                        if (p.timeout != 0) {
                                                            call.v.timers.set_poll(p.timeout);
                                                        }
                                                    }
                                                    return 0;
                                                });
}

xen::Result remote_shutdown(Call& call) {
    return with_input<bulkhead_guest_SchedRemoteShutdown>(
        call, call.arg[1], [&](const bulkhead_guest_SchedRemoteShutdown& s) -> xen::Result {
            // Only a device model may, and only of the domain that it serves; DOMID_SELF is nobody here.
            return s.domain_id < DOMID_FIRST_RESERVED ? -XEN_EPERM : -XEN_ESRCH;
        });
}

xen::Result watchdog(Call& call) {
    return with_input<bulkhead_guest_SchedWatchdog>(call, call.arg[1],
                                                    [&](const bulkhead_guest_SchedWatchdog& w) -> xen::Result {
                                                        return call.d.watchdogs.set(w.id, w.timeout, call.d.now_ns());
                                                    });
}

constexpr Operation operations[] = {
    {SCHEDOP_yield, yield},
    {SCHEDOP_block, block},
    {SCHEDOP_poll, poll},
    {SCHEDOP_shutdown, shutdown},
    {SCHEDOP_shutdown_code, shutdown_code},
    {SCHEDOP_remote_shutdown, remote_shutdown},
    {SCHEDOP_watchdog, watchdog},
    {SCHEDOP_pin_override, not_permitted},
};

} // namespace

xen::Result sched_op(Call& call) {
    return run_operation<operations>(call, static_cast<std::uint32_t>(call.arg[0]));
}

} // namespace bulkhead::vcpu
