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
    if (in.count() != 1 || in.type(0) != ObjectType::untyped) {
        return -XEN_EINVAL;
    }
    const DomId domain = dom_id(request.domain);
    if (const std::int32_t error = tables_.add_domain(domain, request.max_frames, request.max_version); error != 0) {
        return error;
    }
    std::int32_t error = in.take(0, untyped_slot(domain)) == Status::ok ? 0 : -XEN_EINVAL;
    if (error == 0 && sys::retype(untyped_slot(domain), ObjectType::region, request.max_frames * page_size,
                                  frames_slot(domain)) != Status::ok) {
        error = -XEN_ENOMEM;
    }
    if (error != 0) {
        (void)remove_domain(domain);
    }
    return error;
}

std::int32_t Service::remove_domain(DomId domain) {
    const std::int32_t error = tables_.remove_domain(domain);
    if (error == 0) {
        // Any of them may be gone already, with the domain's memory. What was lent of the frames goes with them.
        (void)sys::revoke(untyped_slot(domain));
        (void)sys::remove(untyped_slot(domain));
    }
    return error;
}

std::int32_t Service::get_frame(const bulkhead_GrantGetFrame& request, CapsOut& out) {
    const DomId domain = dom_id(request.domain);
    if (request.status) {
        return -XEN_EINVAL; // version 1 keeps the status in the table
    }
    if (const std::int32_t error = tables_.grow_to(domain, request.index); error != 0) {
        return error;
    }
    if (sys::mint(slot::cap_space, outgoing, frames_slot(domain), Rights::read | Rights::write,
                  request.index * page_size, page_size) != Status::ok ||
        !out.move(outgoing, Rights::read | Rights::write)) {
        return -XEN_EINVAL;
    }
    return 0;
}

bool Service::handle_domain(const Request& request, Reply& reply, CapsIn& in) {
    switch (request.which_request) {
    case bulkhead_GrantRequest_add_domain_tag:
        reply.result = add_domain(request.request.add_domain, in);
        return true;
    case bulkhead_GrantRequest_remove_domain_tag:
        reply.result = remove_domain(dom_id(request.request.remove_domain.domain));
        return true;
    default:
        return false;
    }
}

bool Service::handle_monitor(const Request& request, Reply& reply, DomId caller) {
    switch (request.which_request) {
    case bulkhead_GrantRequest_query_size_tag: {
        const auto size = tables_.query_size(caller, request.request.query_size.domain);
        reply.status = size.status;
        reply.frames = size.frames;
        reply.max_frames = size.max_frames;
        return true;
    }
    case bulkhead_GrantRequest_set_version_tag: {
        const auto answer = tables_.set_version(caller, request.request.set_version.version);
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
    default:
        return false;
    }
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out) {
    const DomId caller = monitored_domain(who);
    bool allowed = false;
    if (who == ClientId::domain) {
        allowed = handle_domain(request, reply, in);
    } else if (who == ClientId::memory && request.which_request == bulkhead_GrantRequest_get_frame_tag) {
        reply.result = get_frame(request.request.get_frame, out);
        allowed = true;
    } else if (caller != DomId{}) {
        allowed = handle_monitor(request, reply, caller);
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
