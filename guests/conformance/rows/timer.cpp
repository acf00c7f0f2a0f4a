// SPDX-License-Identifier: Apache-2.0
// Timers: VCPUOP_set/stop_periodic_timer, _singleshot_timer (public/vcpu.h), HYPERVISOR_set_timer_op (public/xen.h).
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* vcpu_h = "public/vcpu.h";
constexpr const char* xen_h = "public/xen.h, set_timer_op";
constexpr Word number = __HYPERVISOR_vcpu_op;
constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint64_t far = std::uint64_t{1} << 60;

std::int64_t periodic(std::uint64_t period, Word vcpu = 0) {
    vcpu_set_periodic_timer t{};
    t.period_ns = period;
    return issue(number, VCPUOP_set_periodic_timer, vcpu, address_of(t));
}
std::int64_t singleshot(std::uint64_t when, std::uint32_t flags, Word vcpu = 0) {
    vcpu_set_singleshot_timer t{};
    t.timeout_abs_ns = when;
    t.flags = flags;
    return issue(number, VCPUOP_set_singleshot_timer, vcpu, address_of(t));
}
std::int64_t set_timer(std::uint64_t when) {
#ifdef __x86_64__
    return issue(__HYPERVISOR_set_timer_op, when);
#else
    return issue(__HYPERVISOR_set_timer_op, static_cast<Word>(when), static_cast<Word>(when >> 32));
#endif
}
/// Whether the port becomes pending within many calls.
bool becomes_pending(std::uint32_t port) {
    for (unsigned i = 0; i < 10'000 && !pending(port); ++i) {
        (void)issue(__HYPERVISOR_sched_op, SCHEDOP_yield);
    }
    return pending(port);
}
Port timer_port() {
    evtchn_bind_virq b{};
    b.virq = VIRQ_TIMER;
    (void)event(EVTCHNOP_bind_virq, b);
    clear_pending(b.port);
    return Port{b.port};
}

constexpr Row rows[] = {
    {"timer/singleshot in the past fires", vcpu_h,
     [](Effects& e) {
         const Port port = timer_port();
         const auto result = singleshot(1, 0);
         e.check("fires", becomes_pending(port.number));
         return result;
     },
     0},
    {"timer/singleshot in the past, must be future",
     vcpu_h,
     [](Effects& e) {
         const Port port = timer_port();
         const auto result = singleshot(1, VCPU_SSHOTTMR_future);
         e.check("does not fire", !pending(port.number));
         return result;
     },
     -XEN_ETIME,
     any_width,
     {0, "The header lets Xen ignore the flag, and Xen does: the event comes at once.", false}},
    {"timer/singleshot far away", vcpu_h,
     [](Effects& e) {
         const Port port = timer_port();
         const auto result = singleshot(far, VCPU_SSHOTTMR_future);
         e.check("does not fire", !pending(port.number));
         e.equal("stop", issue(number, VCPUOP_stop_singleshot_timer, 0, 0), 0);
         return result;
     },
     0},
    {"timer/singleshot for no vCPU", vcpu_h, [](Effects&) { return singleshot(far, 0, 1); }, -XEN_ENOENT},
    {"timer/stop_singleshot for no vCPU", vcpu_h,
     [](Effects&) { return issue(number, VCPUOP_stop_singleshot_timer, 1, 0); }, -XEN_ENOENT},
    {"timer/stop_singleshot when none runs", vcpu_h,
     [](Effects&) { return issue(number, VCPUOP_stop_singleshot_timer, 0, 0); }, 0},
    {"timer/periodic fires, twice", vcpu_h,
     [](Effects& e) {
         const Port port = timer_port();
         const auto result = periodic(ms);
         e.check("fires", becomes_pending(port.number));
         clear_pending(port.number);
         e.check("fires again", becomes_pending(port.number));
         e.equal("stop", issue(number, VCPUOP_stop_periodic_timer, 0, 0), 0);
         return result;
     },
     0},
    {"timer/periodic, less than 1 ms", vcpu_h, [](Effects&) { return periodic(ms - 1); }, -XEN_EINVAL},
    {"timer/periodic 0", vcpu_h, [](Effects&) { return periodic(0); }, -XEN_EINVAL},
    {"timer/periodic 2^63", vcpu_h, [](Effects&) { return periodic(std::uint64_t{1} << 63); }, -XEN_EINVAL},
    {"timer/periodic 2^64-1", vcpu_h, [](Effects&) { return periodic(~std::uint64_t{0}); }, -XEN_EINVAL},
    {"timer/periodic for no vCPU", vcpu_h, [](Effects&) { return periodic(ms, 1); }, -XEN_ENOENT},
    {"timer/stop_periodic when none runs", vcpu_h,
     [](Effects&) { return issue(number, VCPUOP_stop_periodic_timer, 0, 0); }, 0},
    {"timer/set_timer_op in the past fires", xen_h,
     [](Effects& e) {
         const Port port = timer_port();
         const auto result = set_timer(1);
         e.check("fires", becomes_pending(port.number));
         return result;
     },
     0},
    {"timer/set_timer_op far away, and 0 stops", xen_h,
     [](Effects& e) {
         const Port port = timer_port();
         const auto result = set_timer(far);
         e.check("does not fire", !pending(port.number));
         e.equal("stop", set_timer(0), 0);
         return result;
     },
     0},
};

} // namespace

const Group timer_rows{"timers", rows};

} // namespace bulkhead::conformance
