// SPDX-License-Identifier: Apache-2.0
// How much memory the domain has: increase_reservation, decrease_reservation, populate_physmap, exchange
// (public/memory.h). services/memory decides, extent by extent; what it grants is brought by the monitor.
// It must not know: which frames are behind the guest's.
#include "memory.hpp"

#include <guest_memory.layout.hpp>

#include "argument.hpp"
#include "ask.hpp"
#include "continuation.hpp"
#include "guest_ram.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t max_extents = 0xffff'ffffu >> 6; // as many as Xen's own interface takes
constexpr std::uint32_t max_order = 9;                   // of an unprivileged domain: 2 MiB
constexpr std::uint32_t extents_per_message =
    sizeof(bulkhead_MemoryDecreaseReservation::gfn) / sizeof(bulkhead_MemoryDecreaseReservation::gfn[0]);
static_assert(sizeof(bulkhead_MemoryPopulate::gfn) == sizeof(bulkhead_MemoryDecreaseReservation::gfn));
/// What one message may ask for, so that the time between two chances to stop is bounded: the pages have to be zeroed.
constexpr std::uint64_t pages_per_message = 512;

/// A reservation under way: the argument structure as it was read, and how far it has come.
struct Reservation {
    std::uint64_t list, extents, done;
    std::uint32_t order;
    std::uint32_t flags;

    std::uint64_t pages() const { return std::uint64_t{1} << order; }
};

/// Extents of one message.
struct Batch {
    std::uint64_t gfn[extents_per_message];
    std::uint32_t count;
};

/// Reads and checks the argument structure. False: no extent can be done.
bool begin(Call& call, Reservation& r) {
    bulkhead_guest_MemoryReservation argument;
    if (!read_argument(call, call.arg[1], argument) || argument.nr_extents > max_extents ||
        argument.extent_order > max_order || own_domain_only(call, argument.domid) != 0) {
        return false;
    }
    r = {argument.extent_start, argument.nr_extents, 0, argument.extent_order, argument.mem_flags};
    return true;
}

std::uint32_t next_count(const Reservation& r) {
    const std::uint64_t left = r.extents - r.done;
    const std::uint64_t most = pages_per_message >> r.order;
    const std::uint64_t count = most < extents_per_message ? most : extents_per_message;
    return static_cast<std::uint32_t>(left < count ? left : count);
}

/// The next extents of the list: as many as can be read, since those before the first that cannot be are done.
void read_batch(Call& call, const Reservation& r, Batch& batch) {
    batch.count = next_count(r);
    if (read_words(call, r.list, r.done, {batch.gfn, batch.count})) {
        return;
    }
    std::uint32_t readable = 0;
    while (readable < batch.count && read_words(call, r.list, r.done + readable, {batch.gfn + readable, 1})) {
        ++readable;
    }
    batch.count = readable;
}

std::uint32_t extents_done(const bulkhead_MemoryReply& reply, std::uint32_t asked) {
    return reply.result != 0 || reply.value > asked ? 0 : static_cast<std::uint32_t>(reply.value);
}

std::uint32_t ask_decrease(const Batch& batch, std::uint32_t order) {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_decrease_reservation_tag;
    bulkhead_MemoryDecreaseReservation& r = request.request.decrease_reservation;
    r.gfn_count = static_cast<pb_size_t>(batch.count);
    r.order = order;
    __builtin_memcpy(r.gfn, batch.gfn, sizeof batch.gfn);
    return extents_done(ask_memory(request), batch.count);
}

std::uint32_t decrease_batch(Call& call, const Reservation& r, const Batch& batch) {
    const std::uint32_t done = ask_decrease(batch, r.order);
    for (std::uint32_t i = 0; i < done; ++i) {
        lose_pages(call.d, Gfn{batch.gfn[i]}, r.pages());
    }
    return done;
}

/// The pages of an extent that no run of `reply` brings, in pieces as long as possible.
bool bring_rest(Domain& d, Gfn first, std::uint64_t count, const bulkhead_MemoryReply& reply) {
    const auto moved = [&](std::uint64_t gfn) {
        for (pb_size_t i = 0; i < reply.moved_count; ++i) {
            if (gfn >= reply.moved[i].gfn && gfn - reply.moved[i].gfn < reply.moved[i].pages) {
                return true;
            }
        }
        return false;
    };
    for (std::uint64_t at = 0; at < count;) {
        std::uint64_t end = at;
        while (end < count && !moved(first.value + end)) {
            ++end;
        }
        if (end != at && !bring_home(d, Gfn{first.value + at}, end - at)) {
            return false;
        }
        at = end + 1;
    }
    return true;
}

/// Maps what services/memory has granted. False: not all of it could be, and some may be.
bool bring(Domain& d, const Reservation& r, const Batch& batch, std::uint32_t granted,
           const bulkhead_MemoryReply& reply) {
    for (pb_size_t i = 0; i < reply.moved_count; ++i) {
        const bulkhead_MemoryMoved& run = reply.moved[i];
        if (!bring_elsewhere(d, Gfn{run.gfn}, Gfn{run.frame}, run.pages, true)) {
            return false;
        }
    }
    for (std::uint32_t i = 0; i < granted; ++i) {
        if (!bring_rest(d, Gfn{batch.gfn[i]}, r.pages(), reply)) {
            return false;
        }
    }
    return true;
}

std::uint32_t populate_batch(Call& call, const Reservation& r, Batch& batch) {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_populate_tag;
    bulkhead_MemoryPopulate& populate = request.request.populate;
    populate.gfn_count = static_cast<pb_size_t>(batch.count);
    populate.order = r.order;
    __builtin_memcpy(populate.gfn, batch.gfn, sizeof batch.gfn);
    const bulkhead_MemoryReply reply = ask_memory(request);
    const std::uint32_t granted = extents_done(reply, batch.count);
    if (granted == 0 || bring(call.d, r, batch, granted, reply)) {
        return granted;
    }
    batch.count = granted;
    (void)decrease_batch(call, r, batch); // none of them, then
    return 0;
}

/// As the header has it, these return how many extents were done, whatever kept them from doing more.
template <typename F> xen::Result change_reservation(Call& call, F&& change_batch) {
    Reservation r;
    if (!resume(call, r) && !begin(call, r)) {
        return 0;
    }
    while (r.done < r.extents) {
        Batch batch;
        const std::uint32_t wanted = next_count(r);
        read_batch(call, r, batch);
        const std::uint32_t done = batch.count == 0 ? 0 : change_batch(r, batch);
        r.done += done;
        if (done != wanted) {
            break;
        }
        if (r.done < r.extents && suspend(call, r)) {
            return 0;
        }
    }
    return static_cast<xen::Result>(r.done);
}

/// What Xen says about flags before anything else: too few address bits for any page; no populating on demand of one's
/// own memory.
bool flags_allow(std::uint32_t flags, bool populate) {
    const std::uint32_t bits = XENMEMF_get_address_bits(flags);
    return (bits == 0 || bits > page_shift) && !(populate && (flags & XENMEMF_populate_on_demand) != 0);
}

} // namespace

xen::Result decrease_reservation(Call& call) {
    return change_reservation(call, [&](const Reservation& r, Batch& batch) {
        return flags_allow(r.flags, false) ? decrease_batch(call, r, batch) : 0;
    });
}

xen::Result populate_physmap(Call& call) {
    return change_reservation(call, [&](const Reservation& r, Batch& batch) {
        return flags_allow(r.flags, true) ? populate_batch(call, r, batch) : 0;
    });
}

/// A translated guest gets pages that are its own, and nowhere: only their number changes.
xen::Result increase_reservation(Call& call) {
    Reservation r;
    if (!begin(call, r) || !flags_allow(r.flags, false)) {
        return 0;
    }
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_increase_reservation_tag;
    request.request.increase_reservation = {r.extents, r.order};
    const bulkhead_MemoryReply reply = ask_memory(request);
    return reply.result != 0 || reply.value > r.extents ? 0 : static_cast<xen::Result>(reply.value);
}

namespace {

/// Whether as many pages come as go, without overflow.
bool sizes_match(const bulkhead_guest_MemoryReservation& in, const bulkhead_guest_MemoryReservation& out) {
    constexpr std::uint64_t all = ~std::uint64_t{0};
    return in.nr_extents <= all >> in.extent_order && out.nr_extents <= all >> out.extent_order &&
           in.nr_extents << in.extent_order == out.nr_extents << out.extent_order;
}

xen::Result check_exchange(Call& call, const bulkhead_guest_MemoryExchange& e) {
    if (e.in.extent_order > max_order || e.out.extent_order > max_order) {
        return -XEN_EPERM;
    }
    if (e.nr_exchanged > e.in.nr_extents || e.in.domid != e.out.domid || !sizes_match(e.in, e.out)) {
        return -XEN_EINVAL;
    }
    if (const xen::Result wrong = own_domain_only(call, e.in.domid); wrong != 0) {
        return wrong;
    }
    if (e.nr_exchanged == e.in.nr_extents) {
        return 0;
    }
    std::uint64_t first = 0;
    if (!read_words(call, e.in.extent_start, e.nr_exchanged, {&first, 1})) {
        return -XEN_EFAULT;
    }
    return call.d.memory.page(Gfn{first}) == nullptr ? -XEN_EINVAL : -XEN_EOPNOTSUPP;
}

} // namespace

/// "Only PV guests can use this operation", says the header: all that a translated guest gets is what is wrong with its
/// arguments.
xen::Result exchange(Call& call) {
    bulkhead_guest_MemoryExchange e;
    if (!read_argument(call, call.arg[1], e)) {
        return -XEN_EFAULT;
    }
    return check_exchange(call, e);
}

} // namespace bulkhead::vcpu
