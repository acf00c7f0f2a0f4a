// SPDX-License-Identifier: Apache-2.0
#include "object/control.hpp"

#include "ipc/call.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel {

namespace {

bool runs_elsewhere(const Thread& thread) {
    return thread.running_on != no_cpu && thread.running_on != arch::this_cpu().id.value;
}

/// The thread no longer waits for its set, or for another CPU.
void end_wait(Thread& thread) {
    if (thread.state == Thread::State::retrying) {
        for (std::uint32_t i = 0; i < cpu_count; ++i) {
            for (Thread** link = &cpus[i]->retrying; *link != nullptr; link = &(*link)->next_retrying) {
                if (*link == &thread) {
                    *link = thread.next_retrying;
                    return;
                }
            }
        }
    }
    if (EventSet* const set = thread.waits_for.get()) {
        set->waiter.clear();
        thread.waits_for.clear();
    }
}

/// What it waited for has come, or time is up.
void end_sleep(Thread& thread, Status result) {
    scheduler::disarm(thread.deadline);
    arch::set_syscall_result(thread.frame, result, 0);
    scheduler::resume(thread);
}

} // namespace

void signal(EventSet& set, std::uint32_t bit) {
    set.set(bit);
    if (Thread* const waiter = set.waiter.get()) {
        end_wait(*waiter);
        end_sleep(*waiter, Status::ok);
        return;
    }
    Thread* const bound = set.bound.get();
    if (bound == nullptr) {
        return;
    }
    if (bound->state == Thread::State::receiving) {
        end_sleep(*bound, Status::signalled);
    } else if (bound->in_guest != nullptr) {
        if (runs_elsewhere(*bound)) {
            kick(*cpus[bound->running_on]); // that CPU sees the news when it has left the guest
        } else {
            finish_run(*bound, Status::signalled);
        }
    }
}

void finish_run(Thread& thread, Status status) {
    Vcpu& vcpu = *thread.in_guest;
    vcpu.state().exit_reason = static_cast<std::uint32_t>(ExitReason::none);
    arch::vcpu_expose(vcpu.pages(), VcpuGroups::every_exit);
    thread.in_guest = nullptr;
    arch::set_syscall_result(thread.frame, status, 0);
}

void on_deadline(Thread& thread) {
    if (thread.state == Thread::State::receiving || thread.state == Thread::State::waiting) {
        end_wait(thread);
        end_sleep(thread, Status::timeout);
    } else if (thread.state == Thread::State::running && thread.in_guest != nullptr) {
        finish_run(thread, Status::timeout); // deadlines of a running guest are in the list of the CPU that runs it
    }
}

Step stop(Thread& thread, Thread::State state) {
    if (runs_elsewhere(thread)) {
        thread.state = state; // not chosen again
        kick_and_retry(*cpus[thread.running_on]);
        return Step::wait;
    }
    ipc::abandon(thread);
    end_wait(thread);
    thread.state = state;
    if (thread.in_guest != nullptr) {
        finish_run(thread, Status::aborted);
    }
    scheduler::disarm(thread.deadline);
    ipc::abort_callers(thread);
    scheduler::block(thread);
    return Step::done;
}

void retry_later(Thread& thread, Cpu& cpu) {
    thread.state = Thread::State::retrying;
    thread.next_retrying = cpu.retrying;
    cpu.retrying = &thread;
    scheduler::block(thread);
}

void retry_now(Cpu& cpu) {
    while (Thread* const thread = cpu.retrying) {
        cpu.retrying = thread->next_retrying;
        scheduler::resume(*thread);
    }
}

void fault(Thread& thread, std::uint64_t vector, std::uint64_t error, std::uint64_t address) {
    arch::UserFrame& frame = thread.frame;
    if (const std::uint64_t expected = __atomic_exchange_n(&thread.utcb().on_fault, 0, __ATOMIC_RELAXED)) {
        frame.rip = expected; // whatever it is: the way out to ring 3 looks
        return;
    }
    FaultState& fault = thread.fault;
    fault = {vector, error, address, frame.rip, frame.gpr[static_cast<unsigned>(Gpr::rsp)], frame.rflags, {}};
    static_assert(sizeof fault.gpr == sizeof frame.gpr);
    __builtin_memcpy(fault.gpr, frame.gpr, sizeof fault.gpr);
    static_cast<void>(stop(thread, Thread::State::faulted)); // it runs here
    if (EventSet* const events = thread.fault_events.get()) {
        signal(*events, thread.fault_bit);
    }
}

} // namespace bulkhead::kernel
