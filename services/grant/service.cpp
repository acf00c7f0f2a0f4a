// SPDX-License-Identifier: Apache-2.0
// The grant component's requests.
#include "service.hpp"

#include <bulkhead/log.hpp>

namespace bulkhead::grant {

namespace {

constexpr DomId dom_id(std::uint32_t id) {
    return id <= max_domains ? DomId{static_cast<std::uint16_t>(id)} : DomId{};
}

} // namespace

std::int32_t Service::add_domain(const bulkhead_GrantAddDomain& request, CapsIn& in) {
    if (in.type(0) != ObjectType::offers) {
        return -XEN_EINVAL;
    }
    const DomId domain = dom_id(request.domain);
    if (const std::int32_t error = tables_.add_domain(domain, request.max_frames, request.max_version); error != 0) {
        return error;
    }
    if (in.take(0, offers_slot(domain)) != Status::ok) {
        (void)tables_.remove_domain(domain);
        return -XEN_EINVAL;
    }
    return 0;
}

std::int32_t Service::remove_domain(const bulkhead_GrantRemoveDomain& request) {
    const DomId domain = dom_id(request.domain);
    if (!tables_.has(domain)) {
        return -XEN_ESRCH;
    }
    // What monitors were given goes first. All may be gone already, with the domain's memory.
    (void)sys::revoke(offers_slot(domain));
    (void)sys::remove(offers_slot(domain));
    return tables_.remove_domain(domain);
}

std::int32_t Service::grow(const bulkhead_GrantGrow& request) {
    const DomId domain = dom_id(request.domain);
    return request.status ? tables_.grow_to_status(domain, request.index) : tables_.grow_to(domain, request.index);
}

bool Service::handle_domain(const Request& request, Reply& reply, CapsIn& in) {
    switch (request.which_request) {
    case bulkhead_GrantRequest_add_domain_tag:
        reply.result = add_domain(request.request.add_domain, in);
        return true;
    case bulkhead_GrantRequest_remove_domain_tag:
        reply.result = remove_domain(request.request.remove_domain);
        return true;
    default:
        return false;
    }
}

bool Service::handle_table(const Request& request, Reply& reply, DomId caller) {
    switch (request.which_request) {
    case bulkhead_GrantRequest_query_size_tag: {
        const auto size = tables_.query_size(caller, request.request.query_size.domain);
        reply.status = size.status;
        reply.frames = size.frames;
        reply.max_frames = size.max_frames;
        return true;
    }
    case bulkhead_GrantRequest_set_version_tag: {
        const auto answer =
            tables_.set_version(caller, request.request.set_version.version, request.request.set_version.check);
        reply.result = answer.result;
        reply.version = answer.version;
        return true;
    }
    case bulkhead_GrantRequest_get_version_tag: {
        const auto answer = tables_.get_version(caller, request.request.get_version.domain);
        reply.result = answer.result;
        reply.version = answer.version;
        return true;
    }
    case bulkhead_GrantRequest_setup_table_tag:
        reply.status = tables_.set_up(caller, request.request.setup_table.frames);
        return true;
    default:
        return false;
    }
}

bool Service::handle_peer(const Request& request, Reply& reply, DomId caller, CapsOut& out) const {
    if (request.which_request != bulkhead_GrantRequest_peer_tag) {
        return false;
    }
    const auto owner = tables_.named(request.request.peer.domain);
    if (!tables_.has(caller) || !owner) {
        reply.result = -XEN_ESRCH;
        return true;
    }
    reply.status = tables_.has_entry(*owner, request.request.peer.ref) ? GNTST_okay : GNTST_bad_gntref;
    (void)out.copy(offers_slot(*owner), Rights::map); // the only one: there is room
    return true;
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out) {
    const DomId caller = monitored_domain(who);
    bool allowed = false;
    if (who == ClientId::domain) {
        allowed = handle_domain(request, reply, in);
    } else if (who == ClientId::memory && request.which_request == bulkhead_GrantRequest_grow_tag) {
        reply.result = grow(request.request.grow);
        allowed = true;
    } else if (caller != DomId{}) {
        allowed = handle_table(request, reply, caller) || handle_peer(request, reply, caller, out);
    }
    if (!allowed) {
        reply.result = -XEN_EPERM;
        if (refusals_.add()) {
            log("refused request {} of client {:x}: not its business ({} so far)", request.which_request,
                static_cast<std::uint64_t>(who), refusals_.count());
        }
    }
}

} // namespace bulkhead::grant
