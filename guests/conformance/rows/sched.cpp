// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_sched_op (public/sched.h), but for what ends the domain.
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* sched_h = "public/sched.h";
constexpr Word number = __HYPERVISOR_sched_op;
constexpr std::uint64_t past = 1; // nanoseconds of system time

std::int64_t poll(evtchn_port_t* ports, std::uint32_t count, std::uint64_t timeout) {
    sched_poll p{};
    set_xen_guest_handle(p.ports, ports);
    p.nr_ports = count;
    p.timeout = timeout;
    return operate(number, SCHEDOP_poll, p);
}
evtchn_port_t* ports_at(Place kind) {
    return reinterpret_cast<evtchn_port_t*>(place(kind, sizeof(evtchn_port_t)));
}
/// Without a way to raise an upcall Xen would not wake a vCPU that blocks.
std::int64_t set_callback(std::uint64_t value) {
    xen_hvm_param p{};
    p.domid = DOMID_SELF;
    p.index = HVM_PARAM_CALLBACK_IRQ;
    p.value = value;
    return operate(__HYPERVISOR_hvm_op, HVMOP_set_param, p);
}
std::int64_t watchdog(std::uint32_t id, std::uint32_t timeout) {
    sched_watchdog w{id, timeout};
    return operate(number, SCHEDOP_watchdog, w);
}
std::int64_t remote_shutdown(domid_t domain) {
    sched_remote_shutdown s{domain, SHUTDOWN_crash};
    return operate(number, SCHEDOP_remote_shutdown, s);
}

constexpr Row rows[] = {
    {"sched/yield", sched_h, [](Effects&) { return issue(number, SCHEDOP_yield); }, 0},
    {"sched/block until the timer", sched_h,
     [](Effects& e) {
         evtchn_bind_virq b{VIRQ_TIMER, 0, 0};
         (void)event(EVTCHNOP_bind_virq, b);
         const Port port{b.port};
         clear_pending(port.number);
         e.equal("callback", set_callback((std::uint64_t{HVM_PARAM_CALLBACK_TYPE_VECTOR} << 56) | 0xf3), 0);
         own_vcpu_info().evtchn_upcall_mask = 1;
         vcpu_set_singleshot_timer timer{};
         timer.timeout_abs_ns = system_time() + 20'000'000;
         e.equal("timer", issue(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, address_of(timer)), 0);
         const auto result = issue(number, SCHEDOP_block);
         e.check("woken by it", pending(port.number));
         e.check("not earlier", system_time() >= timer.timeout_abs_ns);
         e.equal("the mask is cleared", own_vcpu_info().evtchn_upcall_mask, 0);
         (void)set_callback(0);
         return result;
     },
     0},
    {"sched/poll no port until the past", sched_h, [](Effects&) { return poll(nullptr, 0, past); }, 0},
    {"sched/poll a pending port", sched_h,
     [](Effects& e) {
         const Pair pair = loop();
         mask(pair.second.number, true);
         (void)send(pair.first.number);
         evtchn_port_t port = pair.second.number;
         const auto result = poll(&port, 1, 0);
         e.check("still pending", pending(pair.second.number));
         mask(pair.second.number, false);
         return result;
     },
     0},
    {"sched/poll a port for a while", sched_h,
     [](Effects& e) {
         const Port port = unbound_port();
         evtchn_port_t list = port.number;
         const auto until = system_time() + 5'000'000;
         const auto result = poll(&list, 1, until);
         e.check("not earlier", system_time() >= until);
         return result;
     },
     0},
    {"sched/poll a port that times out", sched_h,
     [](Effects& e) {
         const Port port = unbound_port();
         evtchn_port_t list = port.number;
         const auto result = poll(&list, 1, past);
         e.check("not pending", !pending(port.number));
         return result;
     },
     0},
    {"sched/poll 128 ports", sched_h,
     [](Effects&) {
         const Pair pair = loop();
         mask(pair.second.number, true);
         (void)send(pair.first.number);
         auto* list = reinterpret_cast<evtchn_port_t*>(scratch[0]);
         for (unsigned i = 0; i < 128; ++i) {
             list[i] = i == 127 ? pair.second.number : pair.first.number;
         }
         const auto result = poll(list, 128, 0);
         mask(pair.second.number, false);
         return result;
     },
     0},
    {"sched/poll 129 ports", sched_h,
     [](Effects&) { return poll(reinterpret_cast<evtchn_port_t*>(scratch[0]), 129, past); }, -XEN_EINVAL},
    {"sched/poll 2^32-1 ports", sched_h,
     [](Effects&) { return poll(reinterpret_cast<evtchn_port_t*>(scratch[0]), ~0u, past); }, -XEN_EINVAL},
    {"sched/poll port 4096", sched_h,
     [](Effects&) {
         evtchn_port_t list = 4096;
         return poll(&list, 1, past);
     },
     -XEN_EINVAL},
    {"sched/poll port 2^32-1", sched_h,
     [](Effects&) {
         evtchn_port_t list = ~0u;
         return poll(&list, 1, past);
     },
     -XEN_EINVAL},
    {"sched/poll, list unmapped", sched_h, [](Effects&) { return poll(ports_at(Place::unmapped), 1, past); },
     -XEN_EFAULT},
    {"sched/poll, list without RAM", sched_h, [](Effects&) { return poll(ports_at(Place::no_ram), 1, past); },
     -XEN_EFAULT},
    {"sched/poll, list past RAM", sched_h, [](Effects&) { return poll(ports_at(Place::past_ram), 2, past); },
     -XEN_EFAULT},
    {"sched/watchdog set, touched, cancelled", sched_h,
     [](Effects& e) {
         const auto id = watchdog(0, 1000);
         e.equal("touch", watchdog(static_cast<std::uint32_t>(id), 1000), 0);
         e.equal("cancel", watchdog(static_cast<std::uint32_t>(id), 0), 0);
         e.equal("cancel again", watchdog(static_cast<std::uint32_t>(id), 0), -XEN_EINVAL);
         return positive(id);
     },
     1},
    {"sched/watchdog, three are too many",
     sched_h,
     [](Effects& e) {
         const auto first = watchdog(0, 1000);
         const auto second = watchdog(0, 1000);
         e.equal("first", first, 1);
         e.equal("second", second, 2);
         const auto third = watchdog(0, 1000);
         (void)watchdog(1, 0);
         (void)watchdog(2, 0);
         return third;
     },
     -XEN_ENOSPC,
     any_width,
     {0x1'0000'0000 - XEN_ENOSPC, "Xen returns the error as an unsigned number of 32 bits.", true, wide}},
    {"sched/watchdog 3", sched_h, [](Effects&) { return watchdog(3, 1000); }, -XEN_EINVAL},
    {"sched/watchdog 1 that is not set", sched_h, [](Effects&) { return watchdog(1, 1000); }, -XEN_EINVAL},
    {"sched/watchdog 2^32-1", sched_h, [](Effects&) { return watchdog(~0u, 1000); }, -XEN_EINVAL},
    {"sched/remote_shutdown of another", sched_h, [](Effects&) { return remote_shutdown(another_domain); }, -XEN_EPERM},
    {"sched/remote_shutdown of nobody", sched_h, [](Effects&) { return remote_shutdown(no_domain); }, -XEN_EPERM,
     any_width, tells_who_exists},
    {"sched/remote_shutdown of DOMID_SELF", sched_h, [](Effects&) { return remote_shutdown(DOMID_SELF); }, -XEN_ESRCH},
    {"sched/pin_override is for dom0", sched_h, [](Effects&) { return operate(number, SCHEDOP_pin_override, scratch); },
     -XEN_EPERM},
    {"sched/shutdown, handle unmapped", sched_h,
     [](Effects&) { return issue(number, SCHEDOP_shutdown, place(Place::unmapped, 4)); }, -XEN_EFAULT},
    {"sched/unknown 8", sched_h, [](Effects&) { return issue(number, 8, address_of(scratch)); }, -XEN_ENOSYS},
    {"sched/unknown 2^31", sched_h, [](Effects&) { return issue(number, 0x8000'0000, address_of(scratch)); },
     -XEN_ENOSYS},
    {"sched/unknown 2^32-1", sched_h, [](Effects&) { return issue(number, 0xffff'ffff, address_of(scratch)); },
     -XEN_ENOSYS},
};

} // namespace

const Group sched_rows{"sched_op", rows};

} // namespace bulkhead::conformance
