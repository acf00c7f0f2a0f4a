// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_event_channel_op (public/event_channel.h): ports. Who is connected to whom is the event component's to
// say; sending is a signal on the capability in the port's slot, and the bits of the domain's own ports are set here.
// It must not know: what is at the other end of a port, how the bits are laid out.
#include "argument.hpp"

#include <guest_event_channel.layout.hpp>

#include <bulkhead/sys.hpp>

#include "ask.hpp"
#include "continuation.hpp"
#include "event_fifo.hpp"
#include "events.hpp"
#include "senders.hpp"

namespace bulkhead::vcpu {

namespace {

using EventRequest = bulkhead_EventRequest;
using EventReply = bulkhead_EventReply;

bool is_open(const Domain& d, std::uint32_t port) {
    return is_port(port) && d.ports[port].kind != PortKind::closed;
}

/// A port that the event component has just opened. -EIO if it makes no sense, as if it had not answered.
xen::Result open_port(Call& call, const EventReply& reply, PortKind kind, std::uint32_t vcpu = 0) {
    if (reply.result != 0) {
        return reply.result;
    }
    if (!is_port(reply.port)) {
        return -XEN_EIO;
    }
    drop_sender(call.d, Port{reply.port}); // there is none, unless the component is wrong
    call.d.ports[reply.port] = {kind, static_cast<std::uint8_t>(vcpu), 0, 0};
    call.d.fifo.reset_priority(reply.port);
    return 0;
}

void close_port(Call& call, std::uint32_t port) {
    PortInfo& info = call.d.ports[port];
    if (info.kind == PortKind::virq) {
        Vcpu* v = call.d.vcpu(info.vcpu);
        if (v != nullptr && v->virq_port[info.virq] == port) {
            v->virq_port[info.virq] = 0;
        }
    }
    drop_sender(call.d, Port{port});
    info = {};
    clear_pending(call.d, Port{port});
}

xen::Result alloc_unbound(Call& call) {
    return with_in_out<bulkhead_guest_EvtchnAllocUnbound>(
        call, call.arg[1], [&](bulkhead_guest_EvtchnAllocUnbound& a) -> xen::Result {
            const DomainName owner = name_domain(call, a.dom);
            if (!owner.exists) {
                return -XEN_ESRCH;
            }
            EventRequest request{};
            request.which_request = bulkhead_EventRequest_alloc_unbound_tag;
            request.request.alloc_unbound.domain = owner.id; // another's: the component says whether there is one
            request.request.alloc_unbound.remote = name_domain(call, a.remote_dom).id;
            request.request.alloc_unbound.limit = event_port_limit(call.d);
            const EventReply reply = ask_event(request);
            a.port = reply.port;
            return open_port(call, reply, PortKind::unbound);
        });
}

xen::Result bind_interdomain(Call& call) {
    return with_in_out<bulkhead_guest_EvtchnBindInterdomain>(
        call, call.arg[1], [&](bulkhead_guest_EvtchnBindInterdomain& b) -> xen::Result {
            const DomainName remote = name_domain(call, b.remote_dom);
            if (!remote.exists) {
                return -XEN_ESRCH;
            }
            EventRequest request{};
            request.which_request = bulkhead_EventRequest_bind_interdomain_tag;
            request.request.bind_interdomain.remote = remote.id;
            request.request.bind_interdomain.remote_port = b.remote_port;
            request.request.bind_interdomain.limit = event_port_limit(call.d);
            const Selector sender = take_sender_slot(call.d);
            if (sender == no_selector) {
                return -XEN_ENOSPC;
            }
            std::uint32_t received = 0;
            const EventReply reply = ask_event(request, sender, &received);
            const xen::Result opened = open_port(call, reply, PortKind::unknown);
            if (opened == 0 && received != 0) {
                give_sender(call.d, Port{reply.port}, sender);
            } else {
                (void)sys::remove(sender); // nothing has come, unless the component is wrong
                call.d.sender_slots.release(sender);
            }
            if (opened == 0) {
                // Either side may have sent before: an event now is better than one lost.
                raise(call.d, Port{reply.port});
                b.local_port = reply.port;
            }
            return opened;
        });
}

xen::Result bind_virq(Call& call) {
    return with_in_out<bulkhead_guest_EvtchnBindVirq>(
        call, call.arg[1], [&](bulkhead_guest_EvtchnBindVirq& b) -> xen::Result {
            EventRequest request{};
            request.which_request = bulkhead_EventRequest_bind_virq_tag;
            request.request.bind_virq.virq = b.virq;
            request.request.bind_virq.vcpu = b.vcpu;
            request.request.bind_virq.limit = event_port_limit(call.d);
            const EventReply reply = ask_event(request);
            Vcpu* const v = call.d.vcpu(b.vcpu);
            if (reply.result == 0 && (v == nullptr || b.virq >= NR_VIRQS)) {
                return -XEN_EIO; // what it should have refused
            }
            const xen::Result opened = open_port(call, reply, PortKind::virq, b.vcpu);
            if (opened == 0) {
                call.d.ports[reply.port].virq = static_cast<std::uint8_t>(b.virq);
                v->virq_port[b.virq] = reply.port;
                b.port = reply.port;
            }
            return opened;
        });
}

xen::Result bind_ipi(Call& call) {
    return with_in_out<bulkhead_guest_EvtchnBindIpi>(call, call.arg[1],
                                                     [&](bulkhead_guest_EvtchnBindIpi& b) -> xen::Result {
                                                         if (call.d.vcpu(b.vcpu) == nullptr) {
                                                             return -XEN_ENOENT;
                                                         }
                                                         EventRequest request{};
                                                         request.which_request = bulkhead_EventRequest_bind_ipi_tag;
                                                         request.request.bind_ipi.vcpu = b.vcpu;
                                                         request.request.bind_ipi.limit = event_port_limit(call.d);
                                                         const EventReply reply = ask_event(request);
                                                         b.port = reply.port;
                                                         return open_port(call, reply, PortKind::ipi, b.vcpu);
                                                     });
}

xen::Result close(Call& call) {
    return with_input<bulkhead_guest_EvtchnClose>(call, call.arg[1],
                                                  [&](const bulkhead_guest_EvtchnClose& c) -> xen::Result {
                                                      if (!is_open(call.d, c.port)) {
                                                          return -XEN_EINVAL;
                                                      }
                                                      flush_signal(call.d, call.v); // sent before, so it arrives
                                                      EventRequest request{};
                                                      request.which_request = bulkhead_EventRequest_close_tag;
                                                      request.request.close.port = c.port;
                                                      const xen::Result result = ask_event(request).result;
                                                      if (result == 0) {
                                                          close_port(call, c.port);
                                                      }
                                                      return result;
                                                  });
}

/// The kernel signals on the way back into the guest: one entry for both. A second send flushes the first.
void queue_signal(Call& call, std::uint32_t port) {
    if (call.v.signal_port.value != port) {
        flush_signal(call.d, call.v);
    }
    call.v.signal_port = Port{port};
}

xen::Result send(Call& call) {
    return with_input<bulkhead_guest_EvtchnSend>(
        call, call.arg[1], [&](const bulkhead_guest_EvtchnSend& s) -> xen::Result {
            if (!is_port(s.port)) {
                return -XEN_EINVAL;
            }
            switch (call.d.ports[s.port].kind) {
            case PortKind::interdomain:
                queue_signal(call, s.port);
                return 0;
            case PortKind::ipi:
                raise(call.d, Port{s.port});
                return 0;
            case PortKind::unknown:
            case PortKind::unbound: {
                const xen::Result result = resolve_sender(call.d, Port{s.port});
                if (result == 0 && call.d.ports[s.port].kind == PortKind::interdomain) {
                    queue_signal(call, s.port);
                }
                return result; // nobody there yet: the event is dropped, as Xen does
            }
            case PortKind::closed:
            case PortKind::virq:
                return -XEN_EINVAL;
            }
            return -XEN_EINVAL;
        });
}

xen::Result status(Call& call) {
    return with_in_out<bulkhead_guest_EvtchnStatus>(call, call.arg[1],
                                                    [&](bulkhead_guest_EvtchnStatus& s) -> xen::Result {
                                                        const DomainName owner = name_domain(call, s.dom);
                                                        if (!owner.exists) {
                                                            return -XEN_ESRCH;
                                                        }
                                                        EventRequest request{};
                                                        request.which_request = bulkhead_EventRequest_status_tag;
                                                        request.request.status.domain = owner.id;
                                                        request.request.status.port = s.port;
                                                        const EventReply reply = ask_event(request);
                                                        s.status = reply.status;
                                                        s.which_u = 0;
                                                        s.vcpu = reply.vcpu;
                                                        switch (reply.status) {
                                                        case EVTCHNSTAT_unbound:
                                                            s.which_u = bulkhead_guest_EvtchnStatus_unbound_tag;
                                                            s.u.unbound.dom = reply.remote;
                                                            break;
                                                        case EVTCHNSTAT_interdomain:
                                                            s.which_u = bulkhead_guest_EvtchnStatus_interdomain_tag;
                                                            s.u.interdomain.dom = reply.remote;
                                                            s.u.interdomain.port = reply.remote_port;
                                                            break;
                                                        case EVTCHNSTAT_virq:
                                                            s.which_u = bulkhead_guest_EvtchnStatus_virq_tag;
                                                            s.u.virq = reply.virq;
                                                            break;
                                                        default:
                                                            break;
                                                        }
                                                        return reply.result;
                                                    });
}

xen::Result bind_vcpu(Call& call) {
    return with_input<bulkhead_guest_EvtchnBindVcpu>(
        call, call.arg[1], [&](const bulkhead_guest_EvtchnBindVcpu& b) -> xen::Result {
            if (call.d.vcpu(b.vcpu) == nullptr) {
                return -XEN_ENOENT;
            }
            if (!is_open(call.d, b.port)) {
                return -XEN_EINVAL;
            }
            EventRequest request{};
            request.which_request = bulkhead_EventRequest_bind_vcpu_tag;
            request.request.bind_vcpu.port = b.port;
            request.request.bind_vcpu.vcpu = b.vcpu;
            const xen::Result result = ask_event(request).result;
            if (result == 0) {
                call.d.ports[b.port].vcpu = static_cast<std::uint8_t>(b.vcpu);
            }
            return result;
        });
}

xen::Result unmask_port(Call& call) {
    return with_input<bulkhead_guest_EvtchnUnmask>(
        call, call.arg[1], [&](const bulkhead_guest_EvtchnUnmask& u) -> xen::Result {
            if (u.port >= event_port_limit(call.d)) {
                return -XEN_EINVAL;
            }
            if (call.d.ports[u.port].kind != PortKind::closed) { // as in Xen, closed ones are none's fault
                unmask(call.d, Port{u.port});
            }
            return 0;
        });
}

/// Closes the next ports from `first` on, a bounded number, and says where to go on (0: that was all).
xen::Result reset_step(Call& call, std::uint32_t& first) {
    EventRequest request{};
    request.which_request = bulkhead_EventRequest_reset_tag;
    request.request.reset.first = first;
    const EventReply reply = ask_event(request);
    if (reply.result != 0) {
        return reply.result;
    }
    const bool goes_on = reply.next > first && reply.next < max_ports; // else the component would go round for ever
    const std::uint32_t end = goes_on ? reply.next : max_ports;
    for (std::uint32_t port = first; port < end; ++port) {
        if (call.d.ports[port].kind != PortKind::closed) {
            close_port(call, port);
        }
    }
    first = goes_on ? end : 0;
    return 0;
}

/// A full table takes long: other vCPUs and interrupts come between two steps. What is bound meanwhile may be closed or
/// not (the header: guests should not).
xen::Result reset(Call& call) {
    std::uint32_t first = 1;
    if (!resume(call, first)) {
        const xen::Result wrong = with_input<bulkhead_guest_EvtchnReset>(
            call, call.arg[1],
            [&](const bulkhead_guest_EvtchnReset& r) -> xen::Result { return own_domain_only(call, r.dom); });
        if (wrong != 0) {
            return wrong;
        }
        flush_signal(call.d, call.v); // sent before, so it arrives
    }
    while (first != 0) {
        if (const xen::Result wrong = reset_step(call, first); wrong != 0) {
            return wrong;
        }
        if (first != 0 && suspend(call, first)) {
            return 0;
        }
    }
    call.d.fifo.stop();
    return 0;
}

xen::Result bind_pirq(Call& call) {
    // Only a sufficiently-privileged domain may (the header); there are none.
    return with_input<bulkhead_guest_EvtchnBindPirq>(
        call, call.arg[1], [](const bulkhead_guest_EvtchnBindPirq&) -> xen::Result { return -XEN_EPERM; });
}

constexpr Operation operations[] = {
    {EVTCHNOP_send, send},
    {EVTCHNOP_unmask, unmask_port},
    {EVTCHNOP_alloc_unbound, alloc_unbound},
    {EVTCHNOP_bind_interdomain, bind_interdomain},
    {EVTCHNOP_bind_virq, bind_virq},
    {EVTCHNOP_bind_ipi, bind_ipi},
    {EVTCHNOP_bind_pirq, bind_pirq},
    {EVTCHNOP_bind_vcpu, bind_vcpu},
    {EVTCHNOP_close, close},
    {EVTCHNOP_status, status},
    {EVTCHNOP_reset, reset},
    {EVTCHNOP_init_control, init_control},
    {EVTCHNOP_expand_array, expand_array},
    {EVTCHNOP_set_priority, set_priority},
};

} // namespace

xen::Result event_channel_op(Call& call) {
    return run_operation<operations>(call, static_cast<std::uint32_t>(call.arg[0]));
}

} // namespace bulkhead::vcpu
