// SPDX-License-Identifier: Apache-2.0
// From a selector in a thread's capability space to a checked capability.
#pragma once

#include "object/event_set.hpp"
#include "object/portal.hpp"
#include "object/space.hpp"
#include "object/vcpu.hpp"

namespace bulkhead::kernel {

struct Found {
    Slot* slot{nullptr};
    Status status{Status::bad_selector};
};

/// The capability in that slot, if it is of this type (null: any) and carries these rights.
inline Found find(Thread& thread, std::uint64_t selector, ObjectType type, Rights rights) {
    CapSpace* const space = thread.capabilities.get();
    if (space == nullptr || selector > ~std::uint32_t{0}) {
        return {};
    }
    Slot* const slot = space->lookup(Selector{static_cast<std::uint32_t>(selector)});
    if (slot == nullptr || slot->empty()) {
        return {};
    }
    if (type != ObjectType::null && slot->capability.type != type) {
        return {slot, Status::bad_type};
    }
    if (!includes(slot->capability.rights, rights)) {
        return {slot, Status::no_right};
    }
    return {slot, Status::ok};
}

/// The same for types that name an object.
template <typename T> struct FoundObject {
    T* object{nullptr};
    Slot* slot{nullptr};
    Status status{Status::bad_selector};
};

template <typename T>
FoundObject<T> find_object(Thread& thread, std::uint64_t selector, ObjectType type, Rights rights) {
    const Found found = find(thread, selector, type, rights);
    if (found.status != Status::ok) {
        return {nullptr, nullptr, found.status};
    }
    Object* const object = found.slot->capability.object();
    return {static_cast<T*>(object), found.slot, object != nullptr ? Status::ok : Status::bad_type};
}

} // namespace bulkhead::kernel
