// SPDX-License-Identifier: Apache-2.0
// Threads and portals.
#include "entry/invoke.hpp"
#include "entry/lookup.hpp"
#include "object/control.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel {

namespace {

constexpr std::uint64_t min_period_us = 100;
constexpr std::uint64_t max_period_us = 1'000'000;

bool at_rest(const Thread& thread) {
    return (thread.state == Thread::State::stopped || thread.state == Thread::State::faulted) &&
           thread.running_on == no_cpu;
}

Status configure(Thread& target, const Invocation& call) {
    if (!at_rest(target)) {
        return Status::busy;
    }
    const auto space =
        find_object<CapSpace>(call.thread, call.a & ~std::uint32_t{0}, ObjectType::cap_space, Rights::control);
    if (space.status != Status::ok) {
        return space.status;
    }
    const auto memory = find_object<AddressSpace>(call.thread, call.a >> 32, ObjectType::address_space, Rights::map);
    if (memory.status != Status::ok) {
        return memory.status;
    }
    if (call.b >= user_end || call.c > user_end) {
        return Status::out_of_range;
    }
    target.capabilities.set(space.object);
    target.memory.set(memory.object);
    arch::init_frame(target.frame, call.b, call.c, call.d);
    target.configured = true;
    target.finishing_delete = false;
    return Status::ok;
}

Status schedule(Thread& target, const Invocation& call) {
    if (!at_rest(target)) {
        return Status::busy;
    }
    const Found time = find(call.thread, call.a & ~std::uint32_t{0}, ObjectType::cpu_time, Rights::control);
    if (time.status != Status::ok) {
        return time.status;
    }
    const std::uint64_t cpu = call.a >> 32;
    const Capability& authority = time.slot->capability;
    if (cpu >= cpu_count || (authority.word >> cpu & 1) == 0 || call.b > authority.size || call.b > max_priority) {
        return Status::out_of_range;
    }
    if (call.c > call.d || (call.c != 0 && (call.d < min_period_us || call.d > max_period_us))) {
        return Status::bad_argument;
    }
    scheduler::dequeue(target);
    Budget& b = target.budget;
    b.present = true;
    b.cpu = CpuId{static_cast<std::uint32_t>(cpu)};
    b.priority = static_cast<std::uint32_t>(call.b);
    b.budget = scheduler::ticks(call.c);
    b.period = scheduler::ticks(call.d);
    b.left = b.budget;
    b.refill_at = 0; // the first period begins when it first wants to run
    b.slice_left = 0;
    return Status::ok;
}

Status bind_events(Thread& target, const Invocation& call) {
    const auto set = find_object<EventSet>(call.thread, call.a, ObjectType::event_set, Rights::read);
    if (set.status != Status::ok) {
        return set.status;
    }
    if (set.object->bound || target.events) {
        return Status::busy;
    }
    set.object->bound.set(&target);
    target.events.set(set.object);
    return Status::ok;
}

Status bind_fault(Thread& target, const Invocation& call) {
    const auto set = find_object<EventSet>(call.thread, call.a, ObjectType::event_set, Rights::write);
    if (set.status != Status::ok) {
        return set.status;
    }
    if (!set.slot->capability.badged) {
        return Status::bad_argument;
    }
    target.fault_events.set(set.object);
    target.fault_bit = static_cast<std::uint32_t>(set.slot->capability.badge);
    return Status::ok;
}

MethodResult start_thread(Thread& target) {
    if (!target.configured || !target.capabilities || !target.memory) {
        return {Status::bad_argument};
    }
    if (!at_rest(target)) {
        return {Status::busy};
    }
    scheduler::resume(target);
    return {};
}

MethodResult stop_thread(Thread& target) {
    if (at_rest(target)) {
        return {};
    }
    const Step step = stop(target, Thread::State::stopped);
    return {Status::ok, 0, step == Step::wait};
}

MethodResult read_fault(const Thread& target, Thread& reader) {
    if (target.state != Thread::State::faulted) {
        return {Status::busy};
    }
    __builtin_memcpy(reader.utcb().data, &target.fault, sizeof target.fault);
    return {Status::ok, target.fault.vector};
}

Status bind_portal(Portal& portal, const Invocation& call) {
    const auto handler = find_object<Thread>(call.thread, call.a, ObjectType::thread, Rights::control);
    if (handler.status != Status::ok) {
        return handler.status;
    }
    if (portal.handler) {
        return Status::busy;
    }
    portal.handler.set(handler.object);
    return Status::ok;
}

} // namespace

MethodResult invoke_thread(const Invocation& call) {
    Object& object = *call.slot.capability.object();
    if (call.method == Method::portal_bind) {
        return {bind_portal(static_cast<Portal&>(object), call)};
    }
    auto& target = static_cast<Thread&>(object);
    switch (call.method) {
    case Method::thread_configure:
        return {configure(target, call)};
    case Method::thread_schedule:
        return {schedule(target, call)};
    case Method::thread_bind_events:
        return {bind_events(target, call)};
    case Method::thread_bind_fault:
        return {bind_fault(target, call)};
    case Method::thread_start:
        return start_thread(target);
    case Method::thread_stop:
        return stop_thread(target);
    case Method::thread_read_fault:
        return read_fault(target, call.thread);
    default:
        return {Status::bad_method};
    }
}

} // namespace bulkhead::kernel
