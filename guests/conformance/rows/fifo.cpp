// SPDX-License-Identifier: Apache-2.0
// Event channels by the FIFO ABI (public/event_channel.h), and what ends it: EVTCHNOP_reset. These rows follow each
// other.
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* fifo_h = "public/event_channel.h, FIFO ABI";

/// Stay with Xen until the reset.
alignas(page_bytes) unsigned char control_page[page_bytes];
alignas(page_bytes) unsigned char array_page[page_bytes];

std::int64_t init_control(Word frame, std::uint32_t offset, std::uint32_t vcpu) {
    evtchn_init_control c{};
    c.control_gfn = frame;
    c.offset = offset;
    c.vcpu = vcpu;
    return event(EVTCHNOP_init_control, c);
}
std::int64_t expand_array(Word frame) {
    evtchn_expand_array a{frame};
    return event(EVTCHNOP_expand_array, a);
}
std::int64_t set_priority(std::uint32_t port, std::uint32_t priority) {
    evtchn_set_priority p{port, priority};
    return event(EVTCHNOP_set_priority, p);
}
std::uint32_t word_of(std::uint32_t port) {
    return __atomic_load_n(reinterpret_cast<event_word_t*>(array_page) + port, __ATOMIC_SEQ_CST);
}

constexpr Row rows[] = {
    {"fifo/expand_array before init_control", fifo_h, [](Effects&) { return expand_array(frame_of(array_page)); },
     -XEN_EOPNOTSUPP},
    {"fifo/set_priority with the 2-level ABI", fifo_h,
     [](Effects&) {
         const Port port = unbound_port();
         return set_priority(port.number, 3);
     },
     -XEN_ENOSYS},
    {"fifo/init_control, no such vCPU", fifo_h, [](Effects&) { return init_control(frame_of(control_page), 0, 1); },
     -XEN_ENOENT},
    {"fifo/init_control over the page", fifo_h,
     [](Effects&) {
         return init_control(frame_of(control_page), page_bytes - sizeof(evtchn_fifo_control_block) + 8, 0);
     },
     -XEN_EINVAL},
    {"fifo/init_control, offset 2^32-8", fifo_h,
     [](Effects&) { return init_control(frame_of(control_page), 0u - 8, 0); }, -XEN_EINVAL},
    {"fifo/init_control at an odd offset", fifo_h, [](Effects&) { return init_control(frame_of(control_page), 4, 0); },
     -XEN_EINVAL},
    {"fifo/init_control, frame without RAM", fifo_h, [](Effects&) { return init_control(frame_without_ram(), 0, 0); },
     -XEN_EINVAL},
    {"fifo/init_control", fifo_h, [](Effects&) { return init_control(frame_of(control_page), 0, 0); }, 0},
    {"fifo/init_control twice", fifo_h, [](Effects&) { return init_control(frame_of(control_page), 0, 0); },
     -XEN_EINVAL},
    {"fifo/expand_array, frame without RAM", fifo_h, [](Effects&) { return expand_array(frame_without_ram()); },
     -XEN_EINVAL},
    {"fifo/expand_array", fifo_h, [](Effects&) { return expand_array(frame_of(array_page)); }, 0},
    {"fifo/send sets the port's word", fifo_h,
     [](Effects& e) {
         const Pair pair = loop();
         const auto word = word_of(pair.second.number);
         const auto result = send(pair.first.number);
         (void)word;
         e.check("pending", ((word_of(pair.second.number) >> EVTCHN_FIFO_PENDING) & 1) != 0);
         return result;
     },
     0},
    {"fifo/set_priority 0", fifo_h,
     [](Effects&) {
         const Port port = unbound_port();
         return set_priority(port.number, EVTCHN_FIFO_PRIORITY_MAX);
     },
     0},
    {"fifo/set_priority 16", fifo_h,
     [](Effects&) {
         const Port port = unbound_port();
         return set_priority(port.number, EVTCHN_FIFO_PRIORITY_MIN + 1);
     },
     -XEN_EINVAL},
    {"fifo/set_priority of port 2^32-1", fifo_h, [](Effects&) { return set_priority(~0u, 0); }, -XEN_EINVAL},
    {"fifo/reset closes every port", fifo_h,
     [](Effects& e) {
         Port port = unbound_port();
         evtchn_reset r{DOMID_SELF};
         const auto result = event(EVTCHNOP_reset, r);
         e.equal("closed", status_of(port.number).status, EVTCHNSTAT_closed);
         port.number = 0;
         return result;
     },
     0},
    {"fifo/2-level ABI again after reset", fifo_h,
     [](Effects& e) {
         const Pair pair = loop();
         const auto result = send(pair.first.number);
         e.check("pending", pending(pair.second.number));
         return result;
     },
     0},
};

constexpr Row last[] = {
    {"sched/shutdown_code before the shutdown", "public/sched.h",
     [](Effects&) {
         sched_shutdown s{SHUTDOWN_poweroff};
         return operate(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, s);
     },
     0},
};

} // namespace

const Group fifo_rows{"event_channel_op, FIFO", rows};
const Group last_rows{"before the end", last};

} // namespace bulkhead::conformance
