// SPDX-License-Identifier: Apache-2.0
// The memory component's requests.
#include "service.hpp"

#include <bulkhead/log.hpp>
#include <bulkhead/rpc.hpp>

#include <grant.pb.h>

namespace bulkhead::memory {

namespace {

constexpr DomId dom_id(std::uint32_t id) {
    return id <= max_domains ? DomId{static_cast<std::uint16_t>(id)} : DomId{};
}

/// An enumeration's field, which may hold any number that a message can carry, as that number.
template <typename E> std::uint32_t number_of(const E& field) {
    static_assert(sizeof field == sizeof(std::uint32_t));
    std::uint32_t number = 0;
    __builtin_memcpy(&number, &field, sizeof number);
    return number;
}

constexpr std::int32_t to_errno(Status status) {
    switch (status) {
    case Status::ok:
        return 0;
    case Status::out_of_memory:
        return -XEN_ENOMEM;
    default:
        return -XEN_EINVAL;
    }
}

} // namespace

bool KernelUntypeds::carve(Selector source, Selector loan, std::uint64_t bytes) {
    return sys::retype(source, ObjectType::untyped, bytes, loan) == Status::ok;
}

void KernelUntypeds::revoke(Selector loan) {
    (void)sys::revoke(loan); // the slot is ours and full: it cannot fail
}

void KernelUntypeds::dissolve(Selector loan) {
    (void)sys::remove(loan);
}

/// Whether the table has that frame, or gets it now, is the grant component's to say.
std::int32_t KernelStage2::grow_grant_table(DomId domain, std::uint32_t index, bool status) {
    bulkhead_GrantRequest request{};
    bulkhead_GrantReply reply{};
    request.which_request = bulkhead_GrantRequest_grow_tag;
    request.request.grow = {domain.value, index, status};
    const Status asked = rpc(slot::grant, request, reply);
    return asked == Status::ok && reply.result <= 0 ? reply.result : -XEN_EINVAL;
}

std::int32_t KernelStage2::fetch(DomId domain, Frame frame, Selector slot) {
    constexpr Rights rights = Rights::read | Rights::write;
    if (frame == shared_info_frame) {
        return to_errno(sys::mint(slot::cap_space, slot, shared_info_slot(domain), rights));
    }
    const std::uint32_t index = frame.value - grant_frame(0).value; // in the Region that has them all
    const bool is_status = index >= max_grant_frames;
    const Status status =
        sys::mint(slot::cap_space, slot, grant_frames_slot(domain), rights, index * page_size, page_size);
    const std::int32_t error = status == Status::ok
                                   ? grow_grant_table(domain, is_status ? index - max_grant_frames : index, is_status)
                                   : to_errno(status);
    if (error != 0 && status == Status::ok) {
        (void)sys::remove(slot);
    }
    return error;
}

std::int32_t KernelStage2::map(DomId domain, Selector slot, Gfn gfn) {
    return to_errno(sys::map(slot, stage2_slot(domain), gfn.value << page_shift, Rights::read | Rights::write));
}

void KernelStage2::drop(Selector slot) {
    (void)sys::remove(slot); // empty already if its owner has revoked the frame
}

std::int32_t KernelStage2::unmap(DomId domain, Gfn first, std::uint64_t pages) {
    return to_errno(sys::stage2_unmap(stage2_slot(domain), GuestPhys{first.value << page_shift}, pages));
}

std::int32_t Service::allocate(const bulkhead_MemoryAllocate& request, CapsOut& out) {
    const Lender::Outcome loan = lender_.allocate(dom_id(request.domain), request.bytes);
    if (loan.result != 0) {
        return loan.result;
    }
    if (sys::retype(loan.loan, ObjectType::untyped, loan.bytes, outgoing) != Status::ok || !out.move(outgoing)) {
        lender_.take_back(loan.loan);
        return -XEN_ENOMEM;
    }
    return 0;
}

std::int32_t Service::release(std::uint32_t id) {
    const DomId domain = dom_id(id);
    if (physmap_.has(domain)) {
        physmap_.remove_domain(domain);
        (void)sys::remove(stage2_slot(domain));
        (void)sys::remove(shared_info_slot(domain));
        (void)sys::remove(grant_frames_slot(domain));
    }
    return lender_.release(domain);
}

std::int32_t Service::add_domain(const bulkhead_MemoryAddDomain& request, CapsIn& in) {
    if (in.count() != 3 || in.type(0) != ObjectType::stage2 || in.type(1) != ObjectType::region ||
        in.type(2) != ObjectType::region) {
        return -XEN_EINVAL;
    }
    const DomId domain = dom_id(request.domain);
    RamRange ram[Physmap::max_ranges] = {{Gfn{0}, request.ram_pages}, {}};
    std::size_t count = 1;
    if (request.ram_count != 0) {
        count = request.ram_count;
        for (std::size_t i = 0; i < count; ++i) {
            ram[i] = {Gfn{request.ram[i].first_gfn}, request.ram[i].pages};
        }
    }
    if (const std::int32_t error = physmap_.add_domain(domain, std::span{ram, count}, Gfn{request.max_gfn});
        error != 0) {
        return error;
    }
    if (in.take(0, stage2_slot(domain)) != Status::ok || in.take(1, shared_info_slot(domain)) != Status::ok ||
        in.take(2, grant_frames_slot(domain)) != Status::ok) {
        physmap_.remove_domain(domain);
        (void)sys::remove(stage2_slot(domain));
        (void)sys::remove(shared_info_slot(domain));
        return -XEN_EINVAL;
    }
    return 0;
}

bool Service::handle_domain(const Request& request, Reply& reply, CapsIn& in, CapsOut& out) {
    switch (request.which_request) {
    case bulkhead_MemoryRequest_allocate_tag:
        reply.result = allocate(request.request.allocate, out);
        return true;
    case bulkhead_MemoryRequest_release_tag:
        reply.result = release(request.request.release.domain);
        return true;
    case bulkhead_MemoryRequest_add_domain_tag:
        reply.result = add_domain(request.request.add_domain, in);
        return true;
    default:
        return false;
    }
}

std::int32_t Service::add_to_physmap(DomId caller, const bulkhead_MemoryAddToPhysmap& request) {
    const std::uint32_t space = number_of(request.space);
    Frame frame = shared_info_frame;
    if (space == bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE && request.index < max_grant_frames) {
        frame = grant_frame(static_cast<std::uint32_t>(request.index));
    } else if (space == bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS && request.index < max_grant_status_frames) {
        frame = grant_status_frame(static_cast<std::uint32_t>(request.index));
    } else if (space != bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO || request.index != 0) {
        return -XEN_EINVAL;
    }
    return physmap_.add(caller, frame, Gfn{request.gfn});
}

void Service::populate(DomId caller, const bulkhead_MemoryPopulate& request, Reply& reply) {
    Moves moves;
    reply.value = physmap_.populate(caller, std::span{request.gfn, request.gfn_count}, request.order, moves);
    static_assert(sizeof reply.moved / sizeof reply.moved[0] == Moves::max_runs);
    for (const MovedRun& run : moves.runs()) {
        reply.moved[reply.moved_count++] = {run.gfn.value, run.frame.value, run.pages};
    }
}

void Service::move(DomId caller, const bulkhead_MemoryMove& request, Reply& reply) {
    Gfn frame{};
    reply.result = physmap_.move(caller, Gfn{request.from}, Gfn{request.to}, frame);
    if (reply.result == 0) {
        reply.moved[0] = {request.to, frame.value, 1};
        reply.moved_count = 1;
    }
}

std::int32_t Service::query(DomId caller, const bulkhead_MemoryQuery& request, std::uint64_t& value) const {
    if (!physmap_.has(caller)) {
        return -XEN_ESRCH;
    }
    switch (number_of(request.what)) {
    case bulkhead_MemoryQuery_What_CURRENT_RESERVATION:
        value = physmap_.pages(caller);
        return 0;
    case bulkhead_MemoryQuery_What_MAXIMUM_RESERVATION:
        value = physmap_.max_pages(caller);
        return 0;
    case bulkhead_MemoryQuery_What_MAXIMUM_GFN:
    case bulkhead_MemoryQuery_What_MAXIMUM_RAM_PAGE: // a domain is not told the machine's: its own
        value = physmap_.max_gfn(caller).value;
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}

bool Service::handle_monitor(const Request& request, Reply& reply, DomId caller) {
    const auto& r = request.request;
    switch (request.which_request) {
    case bulkhead_MemoryRequest_add_to_physmap_tag:
        reply.result = add_to_physmap(caller, r.add_to_physmap);
        return true;
    case bulkhead_MemoryRequest_remove_from_physmap_tag:
        reply.result = physmap_.remove(caller, Gfn{r.remove_from_physmap.gfn});
        return true;
    case bulkhead_MemoryRequest_decrease_reservation_tag:
        reply.value = physmap_.decrease(caller, std::span{r.decrease_reservation.gfn, r.decrease_reservation.gfn_count},
                                        r.decrease_reservation.order);
        return true;
    case bulkhead_MemoryRequest_populate_tag:
        populate(caller, r.populate, reply);
        return true;
    case bulkhead_MemoryRequest_increase_reservation_tag:
        reply.value = physmap_.increase(caller, r.increase_reservation.extents, r.increase_reservation.order);
        return true;
    case bulkhead_MemoryRequest_move_tag:
        move(caller, r.move, reply);
        return true;
    case bulkhead_MemoryRequest_query_tag:
        reply.result = query(caller, r.query, reply.value);
        return true;
    default:
        return false;
    }
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out) {
    const DomId caller = monitored_domain(who);
    const bool allowed = who == ClientId::domain ? handle_domain(request, reply, in, out)
                                                 : caller != DomId{} && handle_monitor(request, reply, caller);
    if (!allowed) {
        reply.result = -XEN_EPERM;
        if (refusals_.add()) {
            log("refused request {} of client {:x}: not its business ({} so far)", request.which_request,
                static_cast<std::uint64_t>(who), refusals_.count());
        }
    }
}

} // namespace bulkhead::memory
