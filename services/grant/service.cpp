// SPDX-License-Identifier: Apache-2.0
// The grant component's requests.
#include "service.hpp"

#include <bulkhead/log.hpp>

namespace bulkhead::grant {

namespace {

constexpr DomId dom_id(std::uint32_t id) {
    return id <= max_domains ? DomId{static_cast<std::uint16_t>(id)} : DomId{};
}

void put(bulkhead_GrantReply& reply, const Outcome& outcome) {
    reply.outcome[reply.outcome_count++] = {outcome.status, outcome.handle, outcome.occupied, outcome.own};
}
static_assert(sizeof(bulkhead_GrantOpen::item) / sizeof(bulkhead_GrantOpenItem) == layout::grant_window_pages &&
              sizeof(bulkhead_GrantReply::outcome) / sizeof(bulkhead_GrantOutcome) == layout::grant_window_pages);

} // namespace

std::int32_t Service::add_domain(const bulkhead_GrantAddDomain& request, CapsIn& in) {
    constexpr ObjectType expected[] = {ObjectType::offers, ObjectType::cap_space, ObjectType::stage2,
                                       ObjectType::address_space};
    for (std::uint32_t i = 0; i < std::size(expected); ++i) {
        if (in.type(i) != expected[i]) {
            return -XEN_EINVAL;
        }
    }
    const DomId domain = dom_id(request.domain);
    if (const std::int32_t error = tables_.add_domain(domain, request.max_frames, request.max_version); error != 0) {
        return error;
    }
    const Selector places[] = {offers_slot(domain), track_slot(domain), stage2_slot(domain), monitor_slot(domain)};
    bool good = true;
    for (std::uint32_t i = 0; i < std::size(places); ++i) {
        good = good && in.take(i, places[i]) == Status::ok;
    }
    if (!good || !mapper_.add_domain(domain)) {
        (void)remove_domain({domain.value, true});
        return -XEN_EINVAL;
    }
    return 0;
}

std::int32_t Service::remove_domain(const bulkhead_GrantRemoveDomain& request) {
    const DomId domain = dom_id(request.domain);
    if (!tables_.has(domain)) {
        return -XEN_ESRCH;
    }
    // What a monitor is copying from must not vanish under its hands.
    if (!request.force && mapper_.is_open_elsewhere(domain)) {
        return -XEN_EBUSY;
    }
    mapper_.remove_domain(domain);
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

bool Service::handle_mappings(const Request& request, Reply& reply, DomId caller) {
    const auto& r = request.request;
    switch (request.which_request) {
    case bulkhead_GrantRequest_map_tag:
    case bulkhead_GrantRequest_unmap_tag:
    case bulkhead_GrantRequest_open_tag:
    case bulkhead_GrantRequest_find_tag:
        break;
    default:
        return false;
    }
    if (!tables_.has(caller)) {
        reply.result = -XEN_ESRCH;
        return true;
    }
    if (request.which_request == bulkhead_GrantRequest_map_tag) {
        for (pb_size_t i = 0; i < r.map.item_count; ++i) {
            const bulkhead_GrantMapItem& item = r.map.item[i];
            put(reply, mapper_.map(caller, {item.domain, item.ref, item.flags, item.address}));
        }
    } else if (request.which_request == bulkhead_GrantRequest_unmap_tag) {
        for (pb_size_t i = 0; i < r.unmap.item_count; ++i) {
            const bulkhead_GrantUnmapItem& item = r.unmap.item[i];
            const Mapper::UnmapRequest unmap{item.handle, item.address, item.bus_address};
            put(reply, r.unmap.check ? mapper_.check_unmap(caller, unmap) : mapper_.unmap(caller, unmap));
        }
    } else if (request.which_request == bulkhead_GrantRequest_find_tag) {
        reply.result = mapper_.is_mapped(caller, r.find.address) ? 0 : -XEN_ENOENT;
    } else {
        mapper_.close(caller);
        for (pb_size_t i = 0; i < r.open.item_count; ++i) {
            const bulkhead_GrantOpenItem& item = r.open.item[i];
            put(reply, mapper_.open(caller, static_cast<std::uint32_t>(i), item.domain, item.ref, item.write));
        }
    }
    return true;
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut&) {
    const DomId caller = monitored_domain(who);
    bool allowed = false;
    if (who == ClientId::domain) {
        allowed = handle_domain(request, reply, in);
    } else if (who == ClientId::memory && request.which_request == bulkhead_GrantRequest_grow_tag) {
        reply.result = grow(request.request.grow);
        allowed = true;
    } else if (caller != DomId{}) {
        allowed = handle_table(request, reply, caller) || handle_mappings(request, reply, caller);
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
