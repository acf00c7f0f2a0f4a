// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_event_channel_op with good arguments (public/event_channel.h), by the 2-level ABI.
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* event_h = "public/event_channel.h";

constexpr Row rows[] = {
    {"event/alloc_unbound", event_h,
     [](Effects& e) {
         evtchn_alloc_unbound a{DOMID_SELF, DOMID_SELF, 0};
         const auto result = event(EVTCHNOP_alloc_unbound, a);
         const Port port{a.port};
         e.check("port", a.port != 0);
         const auto s = status_of(a.port);
         e.equal("status", s.status, EVTCHNSTAT_unbound);
         e.equal("remote", s.u.unbound.dom, own_domain());
         e.equal("vcpu", s.vcpu, 0);
         return result;
     },
     0},
    {"event/alloc_unbound, domains by number", event_h,
     [](Effects& e) {
         evtchn_alloc_unbound a{own_domain(), another_domain, 0};
         const auto result = event(EVTCHNOP_alloc_unbound, a);
         const Port port{a.port};
         e.equal("remote", status_of(a.port).u.unbound.dom, another_domain);
         return result;
     },
     0},
    {"event/bind_interdomain to itself", event_h,
     [](Effects& e) {
         const Port first = unbound_port();
         evtchn_bind_interdomain b{DOMID_SELF, first.number, 0};
         const auto result = event(EVTCHNOP_bind_interdomain, b);
         const Port second{b.local_port};
         e.check("pending at once", pending(second.number));
         clear_pending(second.number);
         auto s = status_of(second.number);
         e.equal("status", s.status, EVTCHNSTAT_interdomain);
         e.equal("remote", s.u.interdomain.dom, own_domain());
         e.equal("remote port", s.u.interdomain.port, first.number);
         s = status_of(first.number);
         e.equal("other status", s.status, EVTCHNSTAT_interdomain);
         e.equal("other's port", s.u.interdomain.port, second.number);
         return result;
     },
     0},
    {"event/send to the other end", event_h,
     [](Effects& e) {
         const Pair pair = loop();
         const auto result = send(pair.first.number);
         e.check("pending", pending(pair.second.number));
         e.check("only there", !pending(pair.first.number));
         e.equal("upcall", own_vcpu_info().evtchn_upcall_pending, 1);
         clear_pending(pair.second.number);
         e.equal("back", send(pair.second.number), 0);
         e.check("pending back", pending(pair.first.number));
         clear_pending(pair.first.number);
         return result;
     },
     0},
    {"event/send to a masked port", event_h,
     [](Effects& e) {
         const Pair pair = loop();
         clear_pending(pair.second.number);
         mask(pair.second.number, true);
         const auto result = send(pair.first.number);
         e.check("pending", pending(pair.second.number));
         e.equal("no upcall", own_vcpu_info().evtchn_upcall_pending, 0);
         evtchn_unmask u{pair.second.number};
         e.equal("unmask", event(EVTCHNOP_unmask, u), 0);
         e.equal("upcall", own_vcpu_info().evtchn_upcall_pending, 1);
         e.check("not masked", !masked(pair.second.number));
         clear_pending(pair.second.number);
         return result;
     },
     0},
    {"event/send to an unbound port", event_h,
     [](Effects&) {
         const Port port = unbound_port();
         return send(port.number);
     },
     0},
    {"event/closing one end", event_h,
     [](Effects& e) {
         Pair pair = loop();
         const auto result = close(pair.second.number);
         e.equal("its status", status_of(pair.second.number).status, EVTCHNSTAT_closed);
         const auto s = status_of(pair.first.number);
         e.equal("the other's", s.status, EVTCHNSTAT_unbound);
         e.equal("waits for", s.u.unbound.dom, own_domain());
         pair.second.number = 0;
         return result;
     },
     0},
    {"event/bind_virq TIMER", event_h,
     [](Effects& e) {
         evtchn_bind_virq b{VIRQ_TIMER, 0, 0};
         const auto result = event(EVTCHNOP_bind_virq, b);
         const Port port{b.port};
         const auto s = status_of(b.port);
         e.equal("status", s.status, EVTCHNSTAT_virq);
         e.equal("virq", s.u.virq, VIRQ_TIMER);
         evtchn_bind_virq again{VIRQ_TIMER, 0, 0};
         e.equal("twice", event(EVTCHNOP_bind_virq, again), -XEN_EEXIST);
         return result;
     },
     0},
    {"event/a VIRQ can be bound again after close", event_h,
     [](Effects& e) {
         evtchn_bind_virq b{VIRQ_XENOPROF, 0, 0};
         e.equal("first", event(EVTCHNOP_bind_virq, b), 0);
         e.equal("close", close(b.port), 0);
         const auto result = event(EVTCHNOP_bind_virq, b);
         const Port port{b.port};
         return result;
     },
     0},
    {"event/bind_ipi and send", event_h,
     [](Effects& e) {
         evtchn_bind_ipi b{0, 0};
         const auto result = event(EVTCHNOP_bind_ipi, b);
         const Port port{b.port};
         e.equal("status", status_of(b.port).status, EVTCHNSTAT_ipi);
         e.equal("send", send(b.port), 0);
         e.check("pending", pending(b.port));
         clear_pending(b.port);
         return result;
     },
     0},
    {"event/two ports are two", event_h,
     [](Effects& e) {
         const Port one = unbound_port();
         const Port two = unbound_port();
         e.check("different", one.number != two.number);
         return positive(two.number);
     },
     1},
    {"event/close an unbound port", event_h,
     [](Effects& e) {
         Port port = unbound_port();
         const auto result = close(port.number);
         e.equal("status", status_of(port.number).status, EVTCHNSTAT_closed);
         e.equal("twice", close(port.number), -XEN_EINVAL);
         e.equal("send", send(port.number), -XEN_EINVAL);
         port.number = 0;
         return result;
     },
     0},
    {"event/bind_vcpu 0", event_h,
     [](Effects& e) {
         const Port port = unbound_port();
         evtchn_bind_vcpu b{port.number, 0};
         const auto result = event(EVTCHNOP_bind_vcpu, b);
         e.equal("vcpu", status_of(port.number).vcpu, 0);
         return result;
     },
     0},
    {"event/a new port is not pending", event_h,
     [](Effects& e) {
         Pair pair = loop();
         e.equal("send", send(pair.first.number), 0);
         const auto used = pair.second.number;
         e.equal("close", close(used), 0);
         pair.second.number = 0;
         evtchn_bind_ipi b{0, 0};
         const auto result = event(EVTCHNOP_bind_ipi, b);
         const Port port{b.port};
         e.check("clean", !pending(b.port));
         return result;
     },
     0},
};

} // namespace

const Group event_rows{"event_channel_op", rows};

} // namespace bulkhead::conformance
