// SPDX-License-Identifier: Apache-2.0
// The requests; see the header.
#include "neighbours.hpp"

#include <bulkhead/rpc.hpp>
#include <bulkhead/xen.hpp>

#include <console.pb.h>
#include <domain.pb.h>
#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

namespace bulkhead::domain::neighbours {
namespace {

constexpr CapItem copy(Selector from, Rights rights) {
    return {from.value, rights, 0, 0};
}
constexpr CapItem move(Selector from) {
    return {from.value, Rights::all, 1, 0};
}

/// More than a domain has ports: a component that never finishes is a bad one.
constexpr std::uint32_t max_removal_steps = 4096;

/// A component that does not answer, or not in its language, is a bad one: -EIO.
template <typename Request, typename Reply>
std::int32_t ask(Selector portal, const Request& request, Reply& reply, std::span<const CapItem> send = {},
                 Selector receive_at = no_selector) {
    std::uint32_t received = 0;
    const std::uint32_t wanted = receive_at == no_selector ? 0 : 1;
    const Status status = rpc(portal, request, reply, send, receive_at, wanted, &received);
    if (status != Status::ok) {
        return -XEN_EIO;
    }
    if (reply.result == 0 && received != wanted) {
        return -XEN_EIO;
    }
    return reply.result;
}

std::int32_t ask_memory(const bulkhead_MemoryRequest& request, std::span<const CapItem> send = {},
                        Selector receive_at = no_selector) {
    bulkhead_MemoryReply reply{};
    return ask(slot::memory, request, reply, send, receive_at);
}
std::int32_t ask_grant(const bulkhead_GrantRequest& request, std::span<const CapItem> send = {}) {
    bulkhead_GrantReply reply{};
    return ask(slot::grant, request, reply, send);
}
std::int32_t ask_event(const bulkhead_EventRequest& request, std::span<const CapItem> send = {}) {
    bulkhead_EventReply reply{};
    return ask(slot::event, request, reply, send);
}
std::int32_t ask_console(const bulkhead_ConsoleRequest& request, std::span<const CapItem> send = {}) {
    bulkhead_ConsoleReply reply{};
    return ask(slot::console, request, reply, send);
}

} // namespace

std::int32_t allocate(DomId domain, std::uint64_t bytes, Selector into) {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_allocate_tag;
    request.request.allocate = {domain.value, bytes};
    return ask_memory(request, {}, into);
}

std::int32_t add_memory(DomId domain, const MemoryParts& parts, const MemoryPlan& plan) {
    const std::uint64_t ram_end_gfn = plan.ram_end() >> page_shift;
    const std::uint64_t console = guest_layout::console_gfn.value;
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_add_domain_tag;
    request.request.add_domain.domain = domain.value;
    request.request.add_domain.ram_pages = (plan.low_bytes + plan.high_bytes) >> page_shift;
    request.request.add_domain.max_gfn = ram_end_gfn > console ? ram_end_gfn - 1 : console;
    auto* const ram = request.request.add_domain.ram;
    ram[0] = {0, plan.low_bytes >> page_shift};
    ram[1] = {guest_layout::high_base >> page_shift, plan.high_bytes >> page_shift};
    request.request.add_domain.ram_count = plan.high_bytes != 0 ? 2 : 1;
    // [derive]: each frame has its own place, and while one moves both places exist.
    constexpr Rights frames = Rights::read | Rights::write | Rights::derive;
    const CapItem caps[] = {copy(parts.stage2, Rights::map), copy(parts.shared_info, frames),
                            copy(parts.grant_frames, frames)};
    return ask_memory(request, caps);
}

std::int32_t release(DomId domain) {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_release_tag;
    request.request.release.domain = domain.value;
    return ask_memory(request);
}

std::int32_t add_grant(DomId domain, Selector offers, std::uint32_t max_frames, std::uint32_t max_version) {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_add_domain_tag;
    request.request.add_domain = {domain.value, max_frames, max_version};
    const CapItem caps[] = {move(offers)};
    return ask_grant(request, caps);
}

std::int32_t remove_grant(DomId domain) {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_remove_domain_tag;
    request.request.remove_domain.domain = domain.value;
    return ask_grant(request);
}

std::int32_t add_events(DomId domain, Selector events, std::uint32_t vcpus, std::uint32_t channels) {
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_add_domain_tag;
    request.request.add_domain = {domain.value, vcpus, channels + 1}; // port 0 is none of them
    const CapItem caps[] = {copy(events, Rights::write | Rights::derive)};
    return ask_event(request, caps);
}

std::int32_t allocate_console_port(DomId domain, Port& port, Selector into) {
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_alloc_static_tag;
    request.request.alloc_static = {domain.value, static_cast<std::uint32_t>(ClientId::console)};
    bulkhead_EventReply reply{};
    const std::int32_t result = ask(slot::event, request, reply, {}, into);
    port = Port{reply.port};
    return result;
}

std::int32_t remove_events(DomId domain) {
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_remove_domain_tag;
    request.request.remove_domain.domain = domain.value;
    // A bounded number of ports goes at a time, so that others' requests come between.
    for (std::uint32_t steps = 0; steps < max_removal_steps; ++steps) {
        bulkhead_EventReply reply{};
        const std::int32_t result = ask(slot::event, request, reply);
        if (result != 0 || reply.next == 0) {
            return result;
        }
    }
    return -XEN_EIO;
}

std::int32_t add_console(DomId domain, std::string_view name, Selector ring, Selector sender) {
    bulkhead_ConsoleRequest request{};
    request.which_request = bulkhead_ConsoleRequest_add_domain_tag;
    auto& add = request.request.add_domain;
    add.domain = domain.value;
    const std::size_t length = name.size() < sizeof add.name - 1 ? name.size() : sizeof add.name - 1;
    __builtin_memcpy(add.name, name.data(), length);
    const CapItem caps[] = {copy(ring, Rights::read | Rights::write), move(sender)};
    return ask_console(request, caps);
}

std::int32_t remove_console(DomId domain) {
    bulkhead_ConsoleRequest request{};
    request.which_request = bulkhead_ConsoleRequest_remove_domain_tag;
    request.request.remove_domain.domain = domain.value;
    return ask_console(request);
}

std::int32_t all_done(std::uint32_t failures) {
    bulkhead_RootRequest request{};
    request.which_request = bulkhead_RootRequest_all_done_tag;
    request.request.all_done.failures = failures;
    bulkhead_RootReply reply{};
    return ask(slot::root, request, reply);
}

} // namespace bulkhead::domain::neighbours
