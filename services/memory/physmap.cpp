// SPDX-License-Identifier: Apache-2.0
// Changes to guest-physical address spaces. What can fail comes first; the books change only after it.
#include "physmap.hpp"

namespace bulkhead::memory {

std::uint64_t Physmap::bit_of(const Domain& domain, Gfn gfn) {
    std::uint64_t before = 0;
    for (const RamRange& range : domain.ram) {
        if (gfn.value >= range.first.value && gfn.value - range.first.value < range.pages) {
            return before + (gfn.value - range.first.value);
        }
        before += range.pages;
    }
    return no_bit;
}

Gfn Physmap::frame_of(const Domain& domain, std::uint64_t bit) {
    const RamRange& low = domain.ram[0];
    return bit < low.pages ? Gfn{low.first.value + bit} : Gfn{domain.ram[1].first.value + (bit - low.pages)};
}

Physmap::Special* Physmap::special_at(Domain& domain, Gfn gfn) {
    for (Special& special : domain.special) {
        if (special.slot != no_selector && special.gfn == gfn) {
            return &special;
        }
    }
    return nullptr;
}

void Physmap::forget(DomId domain, Special& special) {
    access_.drop(special.slot);
    give_back_slot(domain, special.slot);
    special = {};
}

bool Physmap::take_away(DomId id, Domain& domain, Gfn gfn) {
    const auto frame = domain.moved.frame_at(gfn);
    const std::uint64_t bit = bit_of(domain, frame ? *frame : gfn);
    if (frame) {
        (void)domain.moved.remove(gfn);
    } else if (bit == no_bit || gone_.test(id, bit)) {
        return false;
    } else {
        gone_.set(id, bit);
    }
    domain.hint = bit < domain.hint ? bit : domain.hint;
    return true;
}

Selector Physmap::take_slot(DomId domain) {
    const auto index = slots_.take(domain);
    return index ? Selector{first_slot_.value + *index} : no_selector;
}

std::int32_t Physmap::add_domain(DomId domain, std::span<const RamRange> ram, Gfn max_gfn) {
    if (domain.value == 0 || domain.value > max_domains || ram.empty() || ram.size() > max_ranges ||
        max_gfn.value >= gfn_limit) {
        return -XEN_EINVAL;
    }
    Domain& added = domains_[domain.value];
    if (added.present) {
        return -XEN_EEXIST;
    }
    std::uint64_t next = 0;
    std::uint64_t total = 0;
    for (const RamRange& range : ram) {
        if (range.pages == 0 || range.first.value < next || range.first.value >= gfn_limit ||
            range.pages > gfn_limit - range.first.value) {
            return -XEN_EINVAL;
        }
        next = range.first.value + range.pages;
        total += range.pages;
    }
    if (!slots_.join(domain)) {
        return -XEN_ENOMEM;
    }
    if (!gone_.add(domain, total)) {
        slots_.leave(domain);
        return -XEN_ENOMEM;
    }
    added = {};
    added.present = true;
    for (std::size_t i = 0; i < ram.size(); ++i) {
        added.ram[i] = ram[i];
    }
    added.pages = added.max_pages = total;
    added.max_gfn = Gfn{max_gfn.value < next - 1 ? next - 1 : max_gfn.value};
    return 0;
}

void Physmap::remove_domain(DomId domain) {
    Domain* removed = find(domain);
    if (removed == nullptr) {
        return;
    }
    for (Special& special : removed->special) {
        if (special.slot != no_selector) {
            forget(domain, special);
        }
    }
    gone_.remove(domain);
    slots_.leave(domain);
    *removed = {};
}

std::int32_t Physmap::add(DomId domain, Frame frame, Gfn gfn) {
    Domain* owner = find(domain);
    if (owner == nullptr) {
        return -XEN_ESRCH;
    }
    if (frame.value >= owner->special.size() || gfn.value >= gfn_limit) {
        return -XEN_EINVAL;
    }
    Special& special = owner->special[frame.value];
    if (special.slot != no_selector && special.gfn == gfn) {
        return 0;
    }
    // A second capability while both places exist: either the frame has moved or nothing has happened.
    const Selector slot = take_slot(domain);
    if (slot == no_selector) {
        return -XEN_ENOMEM;
    }
    std::int32_t error = access_.fetch(domain, frame, slot);
    if (error == 0) {
        error = access_.map(domain, slot, gfn);
        if (error != 0) {
            access_.drop(slot);
        }
    }
    if (error != 0) {
        give_back_slot(domain, slot);
        return error;
    }
    if (Special* displaced = special_at(*owner, gfn); displaced != nullptr) {
        forget(domain, *displaced);
    }
    if (special.slot != no_selector) {
        forget(domain, special);
    }
    special = {gfn, slot};
    if (take_away(domain, *owner, gfn)) { // as in Xen, what was there is given back
        owner->pages -= 1;
    }
    if (owner->max_gfn < gfn) {
        owner->max_gfn = gfn;
    }
    return 0;
}

std::int32_t Physmap::remove(DomId domain, Gfn gfn) {
    Domain* owner = find(domain);
    if (owner == nullptr) {
        return -XEN_ESRCH;
    }
    if (Special* special = special_at(*owner, gfn); special != nullptr) {
        forget(domain, *special);
        return 0;
    }
    if (!is_ram(domain, *owner, gfn)) {
        return -XEN_ENOENT;
    }
    if (const std::int32_t error = access_.unmap(domain, gfn, 1); error != 0) {
        return error;
    }
    (void)take_away(domain, *owner, gfn); // out of sight, but still on the domain's account
    return 0;
}

std::uint64_t Physmap::decrease(DomId domain, std::span<const std::uint64_t> extents, std::uint32_t order) {
    Domain* owner = find(domain);
    if (owner == nullptr || order > max_order) {
        return 0;
    }
    const std::uint64_t count = std::uint64_t{1} << order;
    for (std::size_t done = 0; done < extents.size(); ++done) {
        const std::uint64_t first = extents[done];
        bool whole = first < gfn_limit && count <= gfn_limit - first;
        for (std::uint64_t i = 0; whole && i < count; ++i) {
            const Gfn gfn{first + i};
            whole = is_ram(domain, *owner, gfn) || special_at(*owner, gfn) != nullptr;
        }
        if (!whole || access_.unmap(domain, Gfn{first}, count) != 0) {
            return done;
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            const Gfn gfn{first + i};
            if (take_away(domain, *owner, gfn)) {
                owner->pages -= 1;
            } else {
                forget(domain, *special_at(*owner, gfn));
            }
        }
    }
    return extents.size();
}

/// One page for a place where the page that began there is not to be had; together with its predecessor if it is the
/// next in both respects.
bool Physmap::bring_from_elsewhere(DomId id, Domain& domain, Gfn gfn, Moves& moves) {
    const std::uint64_t end = domain.max_pages;
    std::uint64_t bit = gone_.next_set(id, domain.hint, end);
    while (bit < end && domain.moved.place_of(frame_of(domain, bit))) {
        bit = gone_.next_set(id, bit + 1, end);
    }
    domain.hint = bit;
    if (bit == end) {
        return false;
    }
    const Gfn frame = frame_of(domain, bit);
    if (moves.count_ != 0) {
        MovedRun& last = moves.run_[moves.count_ - 1];
        const bool next = gfn.value == last.gfn.value + last.pages && frame.value == last.frame.value + last.pages &&
                          last.pages < MovedPages::max_run_pages;
        if (next && domain.moved.extend(last.gfn)) {
            last.pages += 1;
            return true;
        }
    }
    if (moves.count_ == Moves::max_runs || !domain.moved.add(gfn, frame, 1)) {
        return false;
    }
    moves.run_[moves.count_++] = {gfn, frame, 1};
    return true;
}

bool Physmap::populate_extent(DomId id, Domain& domain, Gfn first, std::uint64_t count, Moves& moves) {
    if (first.value >= gfn_limit || count > gfn_limit - first.value || count > domain.max_pages - domain.pages) {
        return false;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        const Gfn gfn{first.value + i};
        if (is_ram(id, domain, gfn) || special_at(domain, gfn) != nullptr) {
            return false;
        }
    }
    const Moves before = moves;
    // Those at home first, so that nothing else takes them.
    for (std::uint64_t i = 0; i < count; ++i) {
        if (const Gfn gfn{first.value + i}; is_free(id, domain, gfn)) {
            gone_.clear(id, bit_of(domain, gfn));
        }
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        const Gfn gfn{first.value + i};
        if (!is_ram(id, domain, gfn) && !bring_from_elsewhere(id, domain, gfn, moves)) {
            for (std::uint64_t j = 0; j < count; ++j) {
                (void)take_away(id, domain, Gfn{first.value + j});
            }
            moves = before;
            return false;
        }
    }
    domain.pages += count;
    if (domain.max_gfn.value < first.value + count - 1) {
        domain.max_gfn = Gfn{first.value + count - 1};
    }
    return true;
}

std::uint64_t Physmap::populate(DomId domain, std::span<const std::uint64_t> extents, std::uint32_t order,
                                Moves& moves) {
    moves.clear();
    Domain* owner = find(domain);
    if (owner == nullptr || order > max_order) {
        return 0;
    }
    std::uint64_t done = 0;
    while (done < extents.size() &&
           populate_extent(domain, *owner, Gfn{extents[done]}, std::uint64_t{1} << order, moves)) {
        ++done;
    }
    return done;
}

std::uint64_t Physmap::increase(DomId domain, std::uint64_t extents, std::uint32_t order) {
    Domain* owner = find(domain);
    if (owner == nullptr || order > max_order) {
        return 0;
    }
    const std::uint64_t room = (owner->max_pages - owner->pages) >> order;
    const std::uint64_t done = extents < room ? extents : room;
    owner->pages += done << order;
    return done;
}

std::int32_t Physmap::move(DomId domain, Gfn from, Gfn to, Gfn& frame) {
    Domain* owner = find(domain);
    if (owner == nullptr) {
        return -XEN_ESRCH;
    }
    if (to.value >= gfn_limit || !is_ram(domain, *owner, from) || special_at(*owner, from) != nullptr) {
        return -XEN_EINVAL;
    }
    const auto moved = owner->moved.frame_at(from);
    frame = moved ? *moved : from;
    if (from == to) {
        return 0;
    }
    if (to != frame && owner->moved.full()) {
        return -XEN_ENOMEM;
    }
    if (const std::int32_t error = access_.unmap(domain, from, 1); error != 0) {
        return error;
    }
    if (Special* displaced = special_at(*owner, to); displaced != nullptr) {
        forget(domain, *displaced);
    } else if (take_away(domain, *owner, to)) {
        owner->pages -= 1;
    }
    (void)take_away(domain, *owner, from);
    if (to == frame) {
        gone_.clear(domain, bit_of(*owner, to));
    } else {
        (void)owner->moved.add(to, frame, 1);
    }
    if (owner->max_gfn < to) {
        owner->max_gfn = to;
    }
    return 0;
}

} // namespace bulkhead::memory
