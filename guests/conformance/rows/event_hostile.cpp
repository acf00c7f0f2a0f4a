// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_event_channel_op with bad arguments (public/event_channel.h): wrong ports, domains, vCPUs, numbers.
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* event_h = "public/event_channel.h";
constexpr Word number = __HYPERVISOR_event_channel_op;

std::int64_t alloc(domid_t domain, domid_t remote) {
    evtchn_alloc_unbound a{domain, remote, 0};
    return event(EVTCHNOP_alloc_unbound, a);
}
std::int64_t bind(domid_t remote, std::uint32_t port) {
    evtchn_bind_interdomain b{remote, port, 0};
    return event(EVTCHNOP_bind_interdomain, b);
}
std::int64_t bind_virq(std::uint32_t virq, std::uint32_t vcpu) {
    evtchn_bind_virq b{virq, vcpu, 0};
    return event(EVTCHNOP_bind_virq, b);
}
std::int64_t bind_ipi(std::uint32_t vcpu) {
    evtchn_bind_ipi b{vcpu, 0};
    return event(EVTCHNOP_bind_ipi, b);
}
std::int64_t bind_vcpu(std::uint32_t port, std::uint32_t vcpu) {
    evtchn_bind_vcpu b{port, vcpu};
    return event(EVTCHNOP_bind_vcpu, b);
}
std::int64_t status(domid_t domain, std::uint32_t port) {
    evtchn_status s{};
    s.dom = domain;
    s.port = port;
    return event(EVTCHNOP_status, s);
}
std::int64_t unmask(std::uint32_t port) {
    evtchn_unmask u{port};
    return event(EVTCHNOP_unmask, u);
}
std::int64_t reset(domid_t domain) {
    evtchn_reset r{domain};
    return event(EVTCHNOP_reset, r);
}

constexpr std::uint32_t port_limit = 64 * 64; // of the 2-level ABI in 64-bit guests; more than in 32-bit ones

constexpr Row rows[] = {
    {"event/alloc_unbound in another domain", event_h, [](Effects&) { return alloc(another_domain, DOMID_SELF); },
     -XEN_ESRCH, any_width, tells_who_is_there},
    {"event/alloc_unbound in no domain", event_h, [](Effects&) { return alloc(no_domain, DOMID_SELF); }, -XEN_ESRCH},
    {"event/alloc_unbound in DOMID_IO", event_h, [](Effects&) { return alloc(DOMID_IO, DOMID_SELF); }, -XEN_ESRCH},
    {"event/alloc_unbound in DOMID_INVALID", event_h, [](Effects&) { return alloc(DOMID_INVALID, DOMID_SELF); },
     -XEN_ESRCH},
    {"event/bind_interdomain, no such domain", event_h, [](Effects&) { return bind(no_domain, 1); }, -XEN_ESRCH},
    {"event/bind_interdomain, DOMID_XEN", event_h, [](Effects&) { return bind(DOMID_XEN, 1); }, -XEN_ESRCH},
    {"event/bind_interdomain, port 0", event_h, [](Effects&) { return bind(DOMID_SELF, 0); }, -XEN_EINVAL},
    {"event/bind_interdomain, port 2^32-1", event_h, [](Effects&) { return bind(DOMID_SELF, ~0u); }, -XEN_EINVAL},
    {"event/bind_interdomain, port 4096", event_h, [](Effects&) { return bind(DOMID_SELF, port_limit); }, -XEN_EINVAL},
    {"event/bind_interdomain, closed port", event_h,
     [](Effects&) {
         Port port = unbound_port();
         (void)close(port.number);
         const auto result = bind(DOMID_SELF, port.number);
         port.number = 0;
         return result;
     },
     -XEN_EINVAL},
    {"event/bind_interdomain, port for another", event_h,
     [](Effects& e) {
         evtchn_alloc_unbound a{DOMID_SELF, another_domain, 0};
         (void)event(EVTCHNOP_alloc_unbound, a);
         const Port port{a.port};
         const auto result = bind(DOMID_SELF, port.number);
         e.equal("still waits", status_of(port.number).status, EVTCHNSTAT_unbound);
         return result;
     },
     -XEN_EINVAL},
    {"event/bind_interdomain, port taken", event_h,
     [](Effects&) {
         const Pair pair = loop();
         return bind(DOMID_SELF, pair.first.number);
     },
     -XEN_EINVAL},
    {"event/bind_interdomain, an IPI", event_h,
     [](Effects&) {
         const Port port = ipi_port();
         return bind(DOMID_SELF, port.number);
     },
     -XEN_EINVAL},
    {"event/bind_virq, virq 24", event_h, [](Effects&) { return bind_virq(NR_VIRQS, 0); }, -XEN_EINVAL},
    {"event/bind_virq, virq 2^32-1", event_h, [](Effects&) { return bind_virq(~0u, 0); }, -XEN_EINVAL},
    {"event/bind_virq, no such vCPU", event_h, [](Effects&) { return bind_virq(VIRQ_TIMER, 1); }, -XEN_ENOENT},
    {"event/bind_virq, vCPU 2^32-1", event_h, [](Effects&) { return bind_virq(VIRQ_TIMER, ~0u); }, -XEN_ENOENT},
    {"event/bind_virq, a global one elsewhere", event_h, [](Effects&) { return bind_virq(VIRQ_DOM_EXC, 1); },
     -XEN_EINVAL},
    {"event/bind_virq, the port cannot be told",
     event_h,
     [](Effects& e) {
         *reinterpret_cast<evtchn_bind_virq*>(scratch[1]) = {VIRQ_CON_RING, 0, 0};
         const auto result = issue(number, EVTCHNOP_bind_virq, place(Place::read_only, sizeof(evtchn_bind_virq)));
         e.equal("nothing was done", bind_virq(VIRQ_CON_RING, 0), 0);
         return result;
     },
     -XEN_EFAULT,
     paged,
     {-XEN_EFAULT, "Xen has bound the VIRQ when it finds out. Here a refused call has done nothing.", false}},
    {"event/bind_ipi, no such vCPU", event_h, [](Effects&) { return bind_ipi(1); }, -XEN_ENOENT},
    {"event/bind_ipi, vCPU 2^32-1", event_h, [](Effects&) { return bind_ipi(~0u); }, -XEN_ENOENT},
    {"event/bind_vcpu, no such vCPU", event_h,
     [](Effects&) {
         const Port port = unbound_port();
         return bind_vcpu(port.number, 1);
     },
     -XEN_ENOENT},
    {"event/bind_vcpu, vCPU before port", event_h, [](Effects&) { return bind_vcpu(~0u, 1); }, -XEN_ENOENT},
    {"event/bind_vcpu, port 2^32-1", event_h, [](Effects&) { return bind_vcpu(~0u, 0); }, -XEN_EINVAL},
    {"event/bind_vcpu, port 0", event_h, [](Effects&) { return bind_vcpu(0, 0); }, -XEN_EINVAL},
    {"event/bind_vcpu, an IPI", event_h,
     [](Effects&) {
         const Port port = ipi_port();
         return bind_vcpu(port.number, 0);
     },
     -XEN_EINVAL},
    {"event/bind_vcpu, VIRQ_TIMER", event_h,
     [](Effects&) {
         evtchn_bind_virq b{VIRQ_TIMER, 0, 0};
         (void)event(EVTCHNOP_bind_virq, b);
         const Port port{b.port};
         return bind_vcpu(port.number, 0);
     },
     -XEN_EINVAL},
    {"event/send, port 0", event_h, [](Effects&) { return send(0); }, -XEN_EINVAL},
    {"event/send, port 4096", event_h, [](Effects&) { return send(port_limit); }, -XEN_EINVAL},
    {"event/send, port 2^31", event_h, [](Effects&) { return send(0x8000'0000); }, -XEN_EINVAL},
    {"event/send, port 2^32-1", event_h, [](Effects&) { return send(~0u); }, -XEN_EINVAL},
    {"event/send, a VIRQ", event_h,
     [](Effects& e) {
         evtchn_bind_virq b{VIRQ_XENOPROF, 0, 0};
         (void)event(EVTCHNOP_bind_virq, b);
         const Port port{b.port};
         const auto result = send(port.number);
         e.check("not pending", !pending(port.number));
         return result;
     },
     -XEN_EINVAL},
    {"event/close, port 0", event_h, [](Effects&) { return close(0); }, -XEN_EINVAL},
    {"event/close, port 4096", event_h, [](Effects&) { return close(port_limit); }, -XEN_EINVAL},
    {"event/close, port 2^32-1", event_h, [](Effects&) { return close(~0u); }, -XEN_EINVAL},
    {"event/status, port 0", event_h,
     [](Effects& e) {
         e.equal("status", status_of(0).status, EVTCHNSTAT_closed);
         return status(DOMID_SELF, 0);
     },
     0},
    {"event/status, port 4096", event_h, [](Effects&) { return status(DOMID_SELF, port_limit); }, -XEN_EINVAL},
    {"event/status, port 2^32-1", event_h, [](Effects&) { return status(DOMID_SELF, ~0u); }, -XEN_EINVAL},
    {"event/status, domain by number", event_h, [](Effects&) { return status(own_domain(), 0); }, 0},
    {"event/status, another domain", event_h, [](Effects&) { return status(another_domain, 1); }, -XEN_ESRCH, any_width,
     tells_who_is_there},
    {"event/status, no such domain", event_h, [](Effects&) { return status(no_domain, 1); }, -XEN_ESRCH},
    {"event/unmask, port 4096", event_h, [](Effects&) { return unmask(port_limit); }, -XEN_EINVAL},
    {"event/unmask, port 2^32-1", event_h, [](Effects&) { return unmask(~0u); }, -XEN_EINVAL},
    {"event/reset, another domain", event_h, [](Effects&) { return reset(another_domain); }, -XEN_EPERM},
    {"event/reset, no such domain", event_h, [](Effects&) { return reset(no_domain); }, -XEN_EPERM, any_width,
     tells_who_exists},
    {"event/bind_pirq 0",
     event_h,
     [](Effects&) {
         evtchn_bind_pirq b{0, 0, 0};
         const auto result = event(EVTCHNOP_bind_pirq, b);
         const Port port{result == 0 ? b.port : 0};
         return result;
     },
     -XEN_EPERM,
     any_width,
     {0, "Xen gives every HVM domain physical interrupts to bind. Here a domain has none."}},
    {"event/bind_pirq 2^32-1",
     event_h,
     [](Effects&) {
         evtchn_bind_pirq b{~0u, 0, 0};
         return event(EVTCHNOP_bind_pirq, b);
     },
     -XEN_EPERM,
     any_width,
     {-XEN_EINVAL, "Xen looks first whether it is the number of an interrupt. Here a domain has none."}},
    {"event/unknown 14",
     event_h,
     [](Effects&) { return issue(number, 14, address_of(scratch)); },
     -XEN_ENOSYS,
     any_width,
     {-XEN_EPERM, "Xen continues a reset by this number. A continuation here takes no number."}},
    {"event/unknown 999", event_h, [](Effects&) { return issue(number, 999, address_of(scratch)); }, -XEN_ENOSYS},
    {"event/unknown 2^31", event_h, [](Effects&) { return issue(number, 0x8000'0000, address_of(scratch)); },
     -XEN_ENOSYS},
    {"event/unknown 2^32-1", event_h, [](Effects&) { return issue(number, 0xffff'ffff, address_of(scratch)); },
     -XEN_ENOSYS},
    {"event/unknown 256 + send", event_h,
     [](Effects&) { return issue(number, 256 + EVTCHNOP_send, address_of(scratch)); }, -XEN_ENOSYS},
};

} // namespace

const Group event_hostile_rows{"event_channel_op, bad arguments", rows};

} // namespace bulkhead::conformance
