// SPDX-License-Identifier: Apache-2.0
// Untyped memory becomes objects.
#include "cap/capabilities.hpp"

namespace bulkhead::kernel {

namespace {

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

bool is_range(ObjectType type) {
    return type == ObjectType::untyped || type == ObjectType::region;
}

} // namespace

Completion Capabilities::retype(Slot& untyped, ObjectType type, std::uint64_t size, CapSpace& space,
                                Selector destination, std::uint32_t count) {
    if (untyped.empty() || untyped.capability.type != ObjectType::untyped) {
        return {untyped.empty() ? Status::bad_selector : Status::bad_type, false};
    }
    if (count == 0 || count > max_count) {
        return {Status::bad_argument, false};
    }
    Capability& memory = untyped.capability;
    std::uint64_t alignment = page_size;
    const std::uint64_t bytes = environment_.object_bytes(type, size, alignment);
    if (bytes == 0) {
        return {Status::bad_argument, false};
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const Slot* const slot = space.lookup(Selector{destination.value + i});
        if (slot == nullptr) {
            return {Status::out_of_range, false};
        }
        if (!slot->empty()) {
            return {Status::slot_in_use, false};
        }
    }
    if (untyped.child == nullptr && memory.badge != 0) {
        memory.badge = 0;
        untyped.progress = 0;
    }

    const std::uint64_t stride = align_up(bytes, alignment);
    const std::uint64_t first = align_up(memory.word + memory.badge, alignment);
    const std::uint64_t limit = memory.word + memory.size;
    // The last one needs no room up to the next one's start.
    if (first > limit || bytes > limit - first || (limit - first - bytes) / stride < count - 1) {
        return {Status::out_of_memory, false};
    }
    const std::uint64_t end = first + stride * (count - 1) + bytes;
    // What a new Untyped hands on is zeroed when it becomes something else.
    if (type != ObjectType::untyped) {
        if (untyped.progress < first - memory.word) {
            untyped.progress = first - memory.word;
        }
        while (memory.word + untyped.progress < end) {
            const std::uint64_t rest = end - (memory.word + untyped.progress);
            const std::uint64_t chunk = rest < zero_chunk ? rest : zero_chunk;
            environment_.zero(HostPhys{memory.word + untyped.progress}, chunk);
            untyped.progress += chunk;
            if (rest > chunk && environment_.preempt()) {
                return {Status::ok, true};
            }
        }
    }

    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t address = first + stride * i;
        Capability made;
        made.type = type;
        made.rights = Rights::all;
        if (is_range(type)) {
            made.word = address;
            made.size = bytes;
        } else {
            made.word = reinterpret_cast<std::uint64_t>(environment_.construct(type, HostPhys{address}, size));
            made.size = size;
        }
        fill(*space.lookup(Selector{destination.value + i}), made, &untyped);
    }
    memory.badge = end - memory.word;
    if (untyped.progress < memory.badge) {
        untyped.progress = memory.badge;
    }
    return {};
}

} // namespace bulkhead::kernel
