// SPDX-License-Identifier: Apache-2.0
#include "object/mapping.hpp"

#include <bulkhead/abi/methods.hpp>

#include "base/panic.hpp"
#include "object/event_set.hpp"
#include "object/offers.hpp"
#include "object/vcpu.hpp"
#include "sched/cpu.hpp"

namespace bulkhead::kernel {

namespace {

constexpr std::uint32_t leaves_per_step = 64; ///< between two looks at waiting interrupts
constexpr Rights page_rights = Rights::read | Rights::write | Rights::execute;

/// The frames that a capability owns, and what may be done with them.
struct Frames {
    HostPhys base{0};
    std::uint64_t bytes{0}; ///< 0: it owns none
    Rights rights{Rights::none};
};

Frames frames_of(const Capability& capability) {
    constexpr Rights shared_page = Rights::read | Rights::write;
    switch (capability.type) {
    case ObjectType::region:
        return {HostPhys{capability.word}, capability.size, capability.rights & page_rights};
    case ObjectType::thread:
        return {static_cast<Thread*>(capability.object())->utcb_frame(), page_size, shared_page};
    case ObjectType::event_set:
        return {static_cast<EventSet*>(capability.object())->page_frame(), page_size, shared_page};
    case ObjectType::vcpu:
        return {static_cast<Vcpu*>(capability.object())->state_frame(), page_size, shared_page};
    default:
        return {};
    }
}

bool is_stage2(const Space& space) {
    return space.type() == ObjectType::stage2;
}

TreeStep tree_map(Space& space, std::uint64_t address, HostPhys frame, std::uint64_t pages, PageFlags flags) {
    PagePool& pool = space.pool_for_step();
    if (is_stage2(space)) {
        return NestedTree{space.root()}.map(pool, address, frame, pages, flags, Existing::replace, leaves_per_step);
    }
    return HostTree{space.root()}.map(pool, address, frame, pages, flags, Existing::refuse, leaves_per_step);
}

TreeStep tree_unmap(Space& space, std::uint64_t address, std::uint64_t pages, FrameRange filter) {
    PagePool& pool = space.pool_for_step();
    if (is_stage2(space)) {
        return NestedTree{space.root()}.unmap(pool, address, pages, filter, leaves_per_step);
    }
    return HostTree{space.root()}.unmap(pool, address, pages, filter, leaves_per_step);
}

/// No CPU translates through what was removed when this returns.
void flush(Space& space) {
    ++space.epoch; // guests that do not run now are flushed before they do
    arch::CpuMask mask = 0;
    for (std::uint32_t i = 0; i < cpu_count; ++i) {
        if (cpus[i]->loaded == &space || cpus[i]->guest == &space) {
            mask |= arch::CpuMask{1} << i;
        }
    }
    if (mask != 0) {
        arch::shootdown(mask);
    }
}

/// What `map` is asked for, checked.
Status check(const Frames& frames, const Space& space, std::uint64_t address, std::uint64_t rights_and_flags) {
    const auto rights = static_cast<Rights>(rights_and_flags & 0xff);
    if (frames.bytes == 0) {
        return Status::bad_type;
    }
    if ((rights_and_flags & ~(std::uint64_t{0xff} | map_uncached)) != 0 || !includes(page_rights, rights) ||
        !includes(rights, Rights::read) || address % page_size != 0) {
        return Status::bad_argument;
    }
    if (!includes(frames.rights, rights)) {
        return Status::no_right;
    }
    if (!is_stage2(space) && includes(rights, Rights::write | Rights::execute)) {
        return Status::bad_argument;
    }
    const std::uint64_t end = is_stage2(space) ? NestedFormat::input_end : HostFormat::input_end;
    return address >= end || frames.bytes > end - address ? Status::out_of_range : Status::ok;
}

PageFlags flags_of(std::uint64_t rights_and_flags) {
    const auto rights = static_cast<Rights>(rights_and_flags & 0xff);
    return {includes(rights, Rights::write), includes(rights, Rights::execute), true,
            (rights_and_flags & map_uncached) != 0};
}

} // namespace

Completion map(Slot& slot, Space& space, std::uint64_t address, std::uint64_t rights_and_flags) {
    const Frames frames = frames_of(slot.capability);
    if (const Status status = check(frames, space, address, rights_and_flags); status != Status::ok) {
        return {status, false};
    }
    if (slot.map_state == MapState::none) {
        slot.space = &space;
        slot.address = address;
        slot.progress = 0;
        slot.map_state = MapState::mapping;
        slot.map_error = Status::ok;
        mapping_list_insert(space.mappings, slot);
    } else if (slot.map_state == MapState::mapped || slot.space != &space ||
               (slot.map_state == MapState::mapping && slot.address != address)) {
        return {Status::already_mapped, false};
    }
    const PageFlags flags = flags_of(rights_and_flags);
    bool stale = false;
    while (slot.map_state == MapState::mapping && slot.progress < frames.bytes) {
        const TreeStep step = tree_map(space, address + slot.progress, HostPhys{frames.base.value + slot.progress},
                                       (frames.bytes - slot.progress) / page_size, flags);
        slot.progress += step.pages_done * page_size;
        stale |= step.flush;
        if (step.status != Status::ok) {
            slot.map_state = MapState::unmapping;
            slot.map_error = step.status;
        } else if (slot.progress < frames.bytes && arch::interrupt_waiting()) {
            if (stale) {
                flush(space);
            }
            return {Status::ok, true};
        }
    }
    if (stale) {
        flush(space);
    }
    if (slot.map_state == MapState::mapping) {
        slot.map_state = MapState::mapped;
        return {};
    }
    const Status why = slot.map_error;
    while (unmap_step(slot) != Step::done) {
        if (arch::interrupt_waiting()) {
            return {Status::ok, true};
        }
    }
    // A mapping that somebody else is undoing is not an error of its own.
    return {why == Status::ok ? Status::busy : why, false};
}

Status map_page(Slot& slot, Space& space, std::uint64_t address, HostPhys frame, bool write) {
    PagePool& pool = space.pool_for_step();
    const PageFlags flags{.write = write, .user = true};
    const TreeStep step = is_stage2(space)
                              ? NestedTree{space.root()}.map(pool, address, frame, 1, flags, Existing::refuse, 1)
                              : HostTree{space.root()}.map(pool, address, frame, 1, flags, Existing::refuse, 1);
    if (step.status == Status::ok) {
        slot.space = &space;
        slot.address = address;
        slot.progress = page_size;
        slot.map_state = MapState::mapped;
        mapping_list_insert(space.mappings, slot);
    }
    return step.status;
}

Step unmap_step(Slot& slot) {
    auto& space = static_cast<Space&>(*slot.space);
    slot.map_state = MapState::unmapping;
    if (slot.progress != 0) {
        const Frames frames = frames_of(slot.capability);
        const TreeStep step =
            tree_unmap(space, slot.address, slot.progress / page_size, FrameRange{frames.base, frames.bytes});
        // A leaf that belongs to this mapping never reaches beyond it, so nothing has to be split.
        invariant(step.status == Status::ok && step.pages_done != 0, "unmapping needs no memory");
        slot.address += step.pages_done * page_size; // what is left
        slot.progress -= step.pages_done * page_size;
    }
    if (slot.progress != 0) {
        return Step::more;
    }
    flush(space);
    forget_mapping(slot);
    return Step::done;
}

void forget_mapping(Slot& slot) {
    mapping_list_remove(slot);
    slot.space = nullptr;
    slot.address = slot.progress = 0;
    slot.map_state = MapState::none;
    if (slot.capability.pinned()) {
        unpin(slot);
    }
}

Completion unmap(Slot& slot) {
    if (slot.map_state == MapState::none) {
        // A restart that finds nothing left to do ends here, too: its last step was preempted only after it was done.
        return {Status::not_mapped, false};
    }
    while (unmap_step(slot) != Step::done) {
        if (slot.progress != 0 && arch::interrupt_waiting()) {
            return {Status::ok, true};
        }
    }
    return {};
}

Status restore(Slot& slot, std::uint64_t offset, std::uint64_t pages, std::uint64_t rights, std::uint64_t& done) {
    if (slot.map_state != MapState::mapped) {
        return Status::not_mapped;
    }
    auto& space = static_cast<Space&>(*slot.space);
    const Frames frames = frames_of(slot.capability);
    if (const Status status = check(frames, space, slot.address, rights); status != Status::ok) {
        return status;
    }
    if (!is_stage2(space) || offset % page_size != 0 || pages == 0) {
        return Status::bad_argument;
    }
    if (offset >= frames.bytes || pages > (frames.bytes - offset) / page_size) {
        return Status::out_of_range;
    }
    const TreeStep step =
        tree_map(space, slot.address + offset, HostPhys{frames.base.value + offset}, pages, flags_of(rights));
    if (step.flush) {
        flush(space);
    }
    done = step.pages_done;
    return step.status;
}

Completion unmap_range(Stage2& space, GuestPhys first, std::uint64_t pages) {
    constexpr std::uint64_t limit = NestedFormat::input_end / page_size;
    if (first.value % page_size != 0) {
        return {Status::bad_argument, false};
    }
    if (first.value / page_size >= limit || pages > limit - first.value / page_size) {
        return {Status::out_of_range, false};
    }
    bool stale = false;
    Completion result;
    for (std::uint64_t done = 0; done < pages;) {
        const TreeStep step = tree_unmap(space, first.value + done * page_size, pages - done, FrameRange{});
        stale |= step.flush;
        done += step.pages_done;
        if (step.status != Status::ok) {
            result.status = step.status;
            break;
        }
        // What is gone stays gone: a restart walks over holes.
        if (done < pages && arch::interrupt_waiting()) {
            result.preempted = true;
            break;
        }
    }
    if (stale) {
        flush(space);
    }
    return result;
}

} // namespace bulkhead::kernel
