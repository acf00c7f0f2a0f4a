// SPDX-License-Identifier: Apache-2.0
// Untyped and CapSpace.
#include "entry/invoke.hpp"
#include "entry/lookup.hpp"
#include "object/kernel_objects.hpp"

namespace bulkhead::kernel {

namespace {

Slot* slot_of(CapSpace& space, std::uint64_t selector) {
    return selector <= ~std::uint32_t{0} ? space.lookup(Selector{static_cast<std::uint32_t>(selector)}) : nullptr;
}

MethodResult retype(const Invocation& call) {
    CapSpace* const space = call.thread.capabilities.get();
    const std::uint64_t type = call.a & 0xff;
    if (type >= static_cast<std::uint64_t>(ObjectType::count) || (call.a >> 8) > Capabilities::max_count ||
        call.c > ~std::uint32_t{0}) {
        return {Status::bad_argument};
    }
    const Completion done =
        capabilities.retype(call.slot, static_cast<ObjectType>(type), call.b, *space,
                            Selector{static_cast<std::uint32_t>(call.c)}, static_cast<std::uint32_t>(call.a >> 8));
    const Capability& memory = call.slot.capability;
    return {done.status, memory.size - memory.badge, done.preempted};
}

MethodResult remove(Thread& thread, Slot& target) {
    const Completion done = thread.finishing_delete ? capabilities.finish() : capabilities.remove(target);
    thread.finishing_delete = done.preempted && (thread.finishing_delete || target.empty());
    return MethodResult::from(done);
}

MethodResult inspect(CapSpace& space, std::uint64_t selector) {
    const Slot* const slot = slot_of(space, selector);
    if (slot == nullptr) {
        return {Status::out_of_range};
    }
    const Capability& c = slot->capability;
    const CapSummary summary{c.type, c.rights, c.badged, c.badged ? static_cast<std::uint32_t>(c.badge) : 0};
    return {Status::ok, summary.pack()};
}

} // namespace

MethodResult invoke_capability(const Invocation& call) {
    if (call.method == Method::untyped_retype) {
        return retype(call);
    }
    auto& space = static_cast<CapSpace&>(*call.slot.capability.object());
    if (call.method == Method::cap_inspect) {
        return inspect(space, call.a);
    }
    Slot* const target = slot_of(space, call.a);
    if (target == nullptr) {
        return {Status::out_of_range};
    }
    if (call.method == Method::cap_delete) {
        return remove(call.thread, *target);
    }
    if (call.method == Method::cap_revoke) {
        return MethodResult::from(capabilities.revoke(*target));
    }
    const Found source = find(call.thread, call.b & ~std::uint32_t{0}, ObjectType::null, Rights::none);
    if (source.status != Status::ok) {
        return {source.status};
    }
    const std::uint64_t high = call.b >> 32;
    if (call.method == Method::cap_move) {
        return {high == 0 ? capabilities.move(*target, *source.slot) : Status::bad_argument};
    }
    if (high > static_cast<std::uint64_t>(Rights::all)) {
        return {Status::bad_argument};
    }
    return {capabilities.mint(*target, *source.slot, static_cast<Rights>(high), call.c, call.d)};
}

} // namespace bulkhead::kernel
