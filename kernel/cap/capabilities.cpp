// SPDX-License-Identifier: Apache-2.0
// Mint, move, delete, revoke. Every preemptible operation leaves a consistent tree between any two steps.
#include "cap/capabilities.hpp"

#include "base/panic.hpp"

#include <bulkhead/abi/methods.hpp>
#include <bulkhead/abi/syscall.hpp>

namespace bulkhead::kernel {

namespace {

constexpr std::uint32_t promotions_per_step = 64;
constexpr std::uint32_t references_per_step = 64;

/// A range inside [0, limit): `length` 0 means "to the end".
struct Range {
    std::uint64_t offset, length;
    bool valid;
};

Range sub_range(std::uint64_t limit, std::uint64_t offset, std::uint64_t length) {
    if (offset >= limit) {
        return {0, 0, false};
    }
    const std::uint64_t rest = limit - offset;
    if (length > rest) {
        return {0, 0, false};
    }
    return {offset, length == 0 ? rest : length, true};
}

/// Narrows `capability` to what mint's arguments ask for.
Status narrow(Capability& capability, std::uint64_t a, std::uint64_t b) {
    switch (capability.type) {
    case ObjectType::portal:
    case ObjectType::event_set:
    case ObjectType::address_space:
    case ObjectType::stage2:
        if ((a & mint_badged) == 0) {
            return a == 0 && b == 0 ? Status::ok : Status::bad_argument;
        }
        if (capability.badged || b != 0) {
            return Status::bad_argument;
        }
        capability.badge = a & ~mint_badged;
        capability.badged = true;
        return capability.type == ObjectType::event_set && capability.badge >= event_bits ? Status::out_of_range
                                                                                          : Status::ok;
    case ObjectType::region:
        if ((a | b) % page_size != 0) {
            return Status::bad_argument;
        }
        [[fallthrough]];
    case ObjectType::io_ports:
    case ObjectType::interrupt: {
        const Range range = sub_range(capability.size, a, b);
        if (!range.valid) {
            return Status::out_of_range;
        }
        capability.word += range.offset;
        capability.size = range.length;
        return Status::ok;
    }
    case ObjectType::cpu_time:
        if (a > capability.size || (b & ~capability.word) != 0) {
            return Status::out_of_range;
        }
        capability.size = a;
        capability.word = b;
        return Status::ok;
    default:
        return a == 0 && b == 0 ? Status::ok : Status::bad_argument;
    }
}

} // namespace

void Capabilities::fill(Slot& slot, const Capability& capability, Slot* parent) {
    slot.capability = capability;
    if (Object* const object = capability.object()) {
        ++object->capabilities_;
    }
    tree_insert(slot, parent);
}

void Capabilities::insert_root(Slot& slot, const Capability& capability) {
    invariant(slot.empty(), "a first capability goes to an empty slot");
    fill(slot, capability, nullptr);
}

Status Capabilities::mint(Slot& destination, Slot& source, Rights rights, std::uint64_t a, std::uint64_t b) {
    if (source.empty()) {
        return Status::bad_selector;
    }
    // An Untyped has one capability: two could hand out the same memory.
    if (source.capability.type == ObjectType::untyped) {
        return Status::bad_type;
    }
    if (!includes(source.capability.rights, Rights::derive)) {
        return Status::no_right;
    }
    if (!destination.empty()) {
        return Status::slot_in_use;
    }
    Capability derived = source.capability;
    derived.rights = derived.rights & rights;
    if (const Status status = narrow(derived, a, b); status != Status::ok) {
        return status;
    }
    fill(destination, derived, &source);
    return Status::ok;
}

Status Capabilities::move(Slot& destination, Slot& source) {
    if (source.empty()) {
        return Status::bad_selector;
    }
    if (!destination.empty()) {
        return Status::slot_in_use;
    }
    if (has_more_children_than(source, move_limit)) {
        return Status::busy;
    }
    destination.capability = source.capability;
    destination.space = source.space;
    destination.address = source.address;
    destination.progress = source.progress;
    destination.map_state = source.map_state;
    if (source.space != nullptr) {
        mapping_list_replace(source, destination);
    }
    tree_replace(source, destination);
    source.capability = {};
    source.space = nullptr;
    source.address = source.progress = 0;
    source.map_state = MapState::none;
    return Status::ok;
}

Step Capabilities::remove_step(Slot& slot) {
    // What an Offers mapped has its pin in the slot that it was derived from: it goes first, by itself.
    if (slot.child != nullptr && slot.child->capability.pinned()) {
        const Step step = remove_step(*slot.child);
        return step == Step::done ? Step::more : step;
    }
    if (slot.space != nullptr) {
        if (const Step step = environment_.unmap(slot); step != Step::done) {
            return step;
        }
    }
    for (std::uint32_t i = 0; slot.child != nullptr; ++i) {
        if (i == promotions_per_step) {
            return Step::more;
        }
        tree_promote_child(slot);
    }
    Object* const object = slot.capability.object();
    if (object != nullptr && object->capabilities_ == 1) {
        object->last_.capability = slot.capability;
        tree_replace(slot, object->last_);
        object->dying_ = true;
        object->next_dying_ = dying_;
        dying_ = object;
    } else {
        if (object != nullptr) {
            --object->capabilities_;
        }
        tree_remove(slot);
    }
    slot.capability = {};
    slot.progress = 0;
    return Step::done;
}

Step Capabilities::destroy_step(Object& object) {
    if (const Step step = environment_.destroy(object); step != Step::done) {
        return step;
    }
    for (std::uint32_t i = 0; object.referrers_ != nullptr; ++i) {
        if (i == references_per_step) {
            return Step::more;
        }
        object.referrers_->clear();
    }
    for (std::uint32_t i = 0; object.cursor_ < object.content_count_; ++i) {
        if (i == promotions_per_step) {
            return Step::more;
        }
        Slot& slot = object.content_[object.cursor_];
        if (slot.empty()) {
            ++object.cursor_;
        } else if (const Step step = remove_step(slot); step != Step::done) {
            return step;
        }
    }
    return Step::done;
}

Step Capabilities::reap_step() {
    Object& object = *dying_;
    const Step step = destroy_step(object);
    if (step != Step::done) {
        return step;
    }
    // Something may have died meanwhile and come before it in the list.
    Object** link = &dying_;
    while (*link != &object) {
        link = &(*link)->next_dying_;
    }
    *link = object.next_dying_;
    tree_remove(object.last_);
    return dying_ == nullptr ? Step::done : Step::more;
}

Step Capabilities::reap_one() {
    return dying_ == nullptr ? Step::done : reap_step();
}

Completion Capabilities::finish() {
    while (dying_ != nullptr) {
        const Step step = reap_step();
        if (step == Step::wait || (step == Step::more && environment_.preempt())) {
            return {Status::ok, true};
        }
    }
    return {};
}

Completion Capabilities::remove(Slot& slot) {
    if (slot.empty()) {
        return {Status::bad_selector, false};
    }
    for (bool first = true;; first = false) { // two steps together are not worth the question
        const Step step = remove_step(slot);
        if (step == Step::done) {
            return finish();
        }
        if (step == Step::wait || (!first && environment_.preempt())) {
            return {Status::ok, true};
        }
    }
}

Completion Capabilities::revoke(Slot& slot) {
    if (slot.empty()) {
        return {Status::bad_selector, false};
    }
    while (Slot* const child = slot.child) {
        Object* const object = child->capability.object();
        const bool half_gone = object != nullptr && object->dying_ && child == &object->last_;
        const Step step = half_gone ? reap_step() : remove_step(*child);
        if (step == Step::wait || environment_.preempt()) {
            return {Status::ok, true};
        }
    }
    return finish();
}

} // namespace bulkhead::kernel
