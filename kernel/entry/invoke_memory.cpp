// SPDX-License-Identifier: Apache-2.0
// Mapping, and the sizes of things.
#include "entry/invoke.hpp"
#include "entry/lookup.hpp"
#include "object/mapping.hpp"

namespace bulkhead::kernel {

namespace {

std::uint64_t size_of(const Capability& c) {
    switch (c.type) {
    case ObjectType::untyped:
    case ObjectType::region:
    case ObjectType::cap_space:
        return c.size;
    case ObjectType::io_ports:
    case ObjectType::interrupt:
        return c.word | (c.size << 32);
    case ObjectType::address_space:
    case ObjectType::stage2:
        return static_cast<Space*>(c.object())->free_pages();
    default:
        return 0;
    }
}

MethodResult map_into(const Invocation& call) {
    const Found space = find(call.thread, call.a, ObjectType::null, Rights::map);
    if (space.status != Status::ok) {
        return {space.status};
    }
    const ObjectType type = space.slot->capability.type;
    if (type != ObjectType::address_space && type != ObjectType::stage2) {
        return {Status::bad_type};
    }
    auto& destination = static_cast<Space&>(*space.slot->capability.object());
    return MethodResult::from(map(call.slot, destination, call.b, call.c));
}

} // namespace

MethodResult invoke_memory(const Invocation& call) {
    switch (call.method) {
    case Method::map:
        return map_into(call);
    case Method::unmap:
        return MethodResult::from(unmap(call.slot));
    case Method::restore: {
        std::uint64_t done = 0;
        const Status status = restore(call.slot, call.a, call.b, call.c, done);
        return {status, done};
    }
    case Method::info:
        return {Status::ok, size_of(call.slot.capability)};
    case Method::stage2_unmap:
        return MethodResult::from(
            unmap_range(static_cast<Stage2&>(*call.slot.capability.object()), GuestPhys{call.a}, call.b));
    default:
        return {Status::bad_method};
    }
}

} // namespace bulkhead::kernel
