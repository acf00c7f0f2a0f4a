// SPDX-License-Identifier: Apache-2.0
// System calls of the current thread.
#include "entry/syscall.hpp"

#include "entry/invoke.hpp"
#include "entry/lookup.hpp"
#include "ipc/call.hpp"
#include "object/control.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel {

namespace {

void set_result(Thread& thread, Status status, std::uint64_t value = 0) {
    arch::set_syscall_result(thread.frame, status, value);
}

[[gnu::noinline]] void do_call(Thread& thread) {
    const auto args = arch::syscall_arguments(thread.frame);
    const auto portal = find_object<Portal>(thread, args.a0, ObjectType::portal, Rights::write);
    Status status = portal.status;
    if (status == Status::ok) {
        status = ipc::call(thread, *portal.object, portal.slot->capability.badge, MessageInfo::unpack(args.a1));
    }
    if (status != Status::ok) {
        set_result(thread, status);
    }
}

[[gnu::noinline]] void do_reply_wait(Thread& thread) {
    const auto args = arch::syscall_arguments(thread.frame);
    ipc::reply(thread, MessageInfo::unpack(args.a1));
    ipc::receive(thread, args.a4);
}

[[gnu::noinline]] Status signal_named(Thread& thread, std::uint64_t selector) {
    const auto set = find_object<EventSet>(thread, selector, ObjectType::event_set, Rights::write);
    if (set.status == Status::ok) {
        signal(*set.object, static_cast<std::uint32_t>(set.slot->capability.badge));
    }
    return set.status;
}

/// A deadline is often that of the call before: it has been left where it is.
[[gnu::always_inline]] inline void arm_deadline(Thread& thread, std::uint64_t deadline) {
    Cpu& cpu = arch::this_cpu();
    if (deadline == 0) {
        if (thread.deadline.armed()) {
            scheduler::disarm(thread.deadline);
        }
    } else if (!thread.deadline.armed() || thread.deadline.when != deadline || thread.deadline.cpu != cpu.id) {
        scheduler::arm(cpu, thread.deadline, deadline);
    }
}

[[gnu::noinline]] void do_wait(Thread& thread) {
    const auto args = arch::syscall_arguments(thread.frame);
    const auto set = find_object<EventSet>(thread, args.a0, ObjectType::event_set, Rights::read);
    if (set.status != Status::ok) {
        return set_result(thread, set.status);
    }
    if (set.object->any()) {
        return set_result(thread, Status::ok);
    }
    if (args.a1 != 0 && arch::now() >= args.a1) {
        return set_result(thread, Status::timeout);
    }
    if (set.object->waiter) {
        return set_result(thread, Status::busy);
    }
    set.object->waiter.set(&thread);
    thread.waits_for.set(set.object);
    thread.state = Thread::State::waiting;
    scheduler::block(thread);
    arm_deadline(thread, args.a1);
}

void do_vcpu_run(Thread& thread) {
    const auto args = arch::syscall_arguments(thread.frame);
    const auto vcpu = find_object<Vcpu>(thread, args.a0, ObjectType::vcpu, Rights::control);
    if (vcpu.status != Status::ok) {
        return set_result(thread, vcpu.status);
    }
    if (vcpu.object->runner.get() != &thread || !vcpu.object->stage2) {
        return set_result(thread, Status::busy);
    }
    const auto groups = static_cast<VcpuGroups>(args.a1);
    if (!includes(VcpuGroups::all, groups)) {
        return set_result(thread, Status::bad_argument);
    }
    Status status = args.a2 != 0 ? signal_named(thread, args.a2) : Status::ok;
    if (status == Status::ok) {
        status = arch::vcpu_commit(vcpu.object->pages(), groups);
    }
    if (status != Status::ok) {
        return set_result(thread, status);
    }
    thread.in_guest = vcpu.object;
    if (args.a3 != 0 && arch::now() >= args.a3) {
        return finish_run(thread, Status::timeout);
    }
    arm_deadline(thread, args.a3);
}

/// A preempted invocation: the thread makes the same system call again.
void go_on_later(Thread& thread) {
    arch::restart_syscall(thread.frame);
    Cpu& cpu = arch::this_cpu();
    if (cpu.retry_after != nullptr && thread.runnable()) {
        retry_later(thread, *cpu.retry_after);
    }
    cpu.retry_after = nullptr;
}

/// Not in the frame of handle_syscall: vcpu_run is the call that has to be short.
[[gnu::noinline]] void do_invoke(Thread& thread) {
    const MethodResult result = invoke(thread, arch::syscall_arguments(thread.frame));
    if (result.preempted) {
        return go_on_later(thread);
    }
    set_result(thread, result.status, result.value);
}

} // namespace

void handle_syscall(Thread& thread) {
    switch (static_cast<Syscall>(arch::syscall_arguments(thread.frame).number)) {
    case Syscall::call:
        return do_call(thread);
    case Syscall::reply_wait:
        return do_reply_wait(thread);
    case Syscall::signal:
        return set_result(thread, signal_named(thread, arch::syscall_arguments(thread.frame).a0));
    case Syscall::wait:
        return do_wait(thread);
    case Syscall::vcpu_run:
        return do_vcpu_run(thread);
    case Syscall::invoke:
        return do_invoke(thread);
    case Syscall::yield:
        thread.budget.slice_left = 0;
        arch::this_cpu().stale = true;
        return set_result(thread, Status::ok);
    default:
        return set_result(thread, Status::bad_method);
    }
}

} // namespace bulkhead::kernel
