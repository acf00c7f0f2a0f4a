// SPDX-License-Identifier: Apache-2.0
// The event component's requests.
#include "service.hpp"

#include <bulkhead/log.hpp>

namespace bulkhead::event {

namespace {

/// A domain's number out of a message; 0, which names nobody, if it is too large to be one.
constexpr DomId dom_id(std::uint32_t id) {
    return id <= max_domains ? DomId{static_cast<std::uint16_t>(id)} : DomId{};
}

void answer(bulkhead_EventReply& reply, const PortTable::Outcome& outcome, CapsOut& out, Rights rights) {
    reply.result = outcome.result;
    reply.port = outcome.port.value;
    reply.status = static_cast<std::uint32_t>(outcome.state);
    if (outcome.sender != no_selector) {
        (void)out.copy(outcome.sender, rights); // the only one: there is room
    }
}

void answer(bulkhead_EventReply& reply, const PortTable::Step& step) {
    reply.result = step.result;
    reply.next = step.next;
}

void answer(bulkhead_EventReply& reply, const PortTable::Status& status) {
    reply.result = status.result;
    reply.status = static_cast<std::uint32_t>(status.entry.state);
    reply.vcpu = status.entry.vcpu;
    reply.remote = status.entry.remote;
    reply.remote_port = status.entry.state == PortState::interdomain ? status.entry.peer : 0u;
    reply.virq = status.entry.state == PortState::virq ? status.entry.peer : 0u;
}

} // namespace

bool KernelAuthority::mint(Selector slot, DomId receiver, Port port) {
    return sys::mint_badge(slot::cap_space, slot, domain_events(receiver), Rights::write | Rights::derive,
                           port.value) == Status::ok;
}

void KernelAuthority::withdraw(Selector slot) {
    // Both fail only on an empty slot: the receiver's EventSet itself has gone, and every sender with it.
    (void)sys::revoke(slot);
    (void)sys::remove(slot);
}

std::int32_t Service::add_domain(const bulkhead_EventAddDomain& request, CapsIn& in) {
    const DomId domain = dom_id(request.domain);
    if (in.count() != 1 || in.type(0) != ObjectType::event_set) {
        return -XEN_EINVAL;
    }
    if (const std::int32_t error = table_.add_domain(domain, request.vcpus, request.max_ports); error != 0) {
        return error;
    }
    if (in.take(0, domain_events(domain)) != Status::ok) {
        (void)table_.remove_domain(domain); // it has no ports yet: one step
        return -XEN_EINVAL;
    }
    return 0;
}

PortTable::Step Service::remove_domain(std::uint32_t id) {
    const DomId domain = dom_id(id);
    const PortTable::Step step = table_.remove_domain(domain);
    if (step.result == 0 && step.next == 0) {
        (void)sys::remove(domain_events(domain)); // may be gone with the domain already
    }
    return step;
}

bool Service::handle_domain(const Request& request, Reply& reply, CapsIn& in, CapsOut& out) {
    switch (request.which_request) {
    case bulkhead_EventRequest_add_domain_tag:
        reply.result = add_domain(request.request.add_domain, in);
        return true;
    case bulkhead_EventRequest_remove_domain_tag:
        answer(reply, remove_domain(request.request.remove_domain.domain));
        return true;
    case bulkhead_EventRequest_alloc_static_tag: {
        const auto& alloc = request.request.alloc_static;
        // services/domain passes it on to the component.
        answer(reply, table_.alloc_static(dom_id(alloc.domain), static_cast<ClientId>(alloc.peer)), out,
               Rights::write | Rights::derive);
        return true;
    }
    default:
        return false;
    }
}

bool Service::handle_monitor(const Request& request, Reply& reply, DomId caller, CapsOut& out) {
    const auto& r = request.request;
    switch (request.which_request) {
    case bulkhead_EventRequest_alloc_unbound_tag:
        answer(reply,
               table_.alloc_unbound(caller, r.alloc_unbound.domain, r.alloc_unbound.remote, r.alloc_unbound.limit), out,
               Rights::write);
        return true;
    case bulkhead_EventRequest_bind_interdomain_tag:
        answer(reply,
               table_.bind_interdomain(caller, r.bind_interdomain.remote, r.bind_interdomain.remote_port,
                                       r.bind_interdomain.limit),
               out, Rights::write);
        return true;
    case bulkhead_EventRequest_bind_virq_tag:
        answer(reply, table_.bind_virq(caller, r.bind_virq.virq, r.bind_virq.vcpu, r.bind_virq.limit), out,
               Rights::write);
        return true;
    case bulkhead_EventRequest_bind_ipi_tag:
        answer(reply, table_.bind_ipi(caller, r.bind_ipi.vcpu, r.bind_ipi.limit), out, Rights::write);
        return true;
    case bulkhead_EventRequest_close_tag:
        reply.result = table_.close(caller, r.close.port);
        return true;
    case bulkhead_EventRequest_status_tag:
        answer(reply, table_.status(caller, r.status.domain, r.status.port));
        return true;
    case bulkhead_EventRequest_bind_vcpu_tag:
        reply.result = table_.bind_vcpu(caller, r.bind_vcpu.port, r.bind_vcpu.vcpu);
        return true;
    case bulkhead_EventRequest_reset_tag:
        answer(reply, table_.reset(caller, r.reset.first));
        return true;
    case bulkhead_EventRequest_get_sender_tag:
        answer(reply, table_.get_sender(caller, r.get_sender.port), out, Rights::write);
        return true;
    default:
        return false;
    }
}

void Service::refuse(const Request& request, Reply& reply, ClientId who) {
    reply.result = -XEN_EPERM;
    if (refusals_.add()) {
        log("refused request {} of client {:x}: not its business ({} so far)", request.which_request,
            static_cast<std::uint64_t>(who), refusals_.count());
    }
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out) {
    const DomId caller = monitored_domain(who);
    const bool allowed = who == ClientId::domain ? handle_domain(request, reply, in, out)
                                                 : caller != DomId{} && handle_monitor(request, reply, caller, out);
    if (!allowed) {
        refuse(request, reply, who);
    }
}

} // namespace bulkhead::event
