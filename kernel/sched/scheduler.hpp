// SPDX-License-Identifier: Apache-2.0
// Who runs. The queues hold threads with CPU time of their own; what runs is the end of the chain of calls that such a
// thread has made, so a component works on its caller's time, at its caller's priority, on its caller's CPU.
#pragma once

#include "sched/cpu.hpp"

namespace bulkhead::kernel::scheduler {

/// Longest chain of calls.
inline constexpr std::uint32_t max_chain = 16;
/// One turn among threads of equal priority.
inline constexpr std::uint64_t slice_us = 5000;

/// Charges the time since the last call to the CPU's payer: before the payer changes, and whenever its time may be
/// over.
void account(Cpu& cpu);
/// Looks at the queues, or at what the payer pays for now: what `choose` does when something has changed.
Thread* choose_anew(Cpu& cpu);
/// Chooses what the CPU executes next and arms its timer; sets current and payer. Null: nothing to do. Most often it is
/// what ran before.
inline Thread* choose(Cpu& cpu) {
    Thread* const current = cpu.current;
    const bool goes_on = !cpu.stale && current != nullptr && current->runnable();
    return goes_on ? current : choose_anew(cpu);
}

/// `thread` wants a CPU from now on: it was stopped, waiting or its call has ended.
void resume(Thread& thread);
/// `thread` wants no CPU any more: its state says why. Its callers' time waits with it.
void block(Thread& thread);
/// Whatever `thread` would execute has changed: budgets parked at it look again.
void reconsider(Thread& thread);
/// Puts the thread's own time into its CPU's queue, or takes it out.
void enqueue(Thread& thread);
void dequeue(Thread& thread);

/// End of the chain of calls that starts at `thread`.
Thread& end_of_chain(Thread& thread);

/// Arms `timeout` on `cpu`'s list, replacing an earlier one. Time grows with the number of timeouts of that CPU.
void arm(Cpu& cpu, Timeout& timeout, std::uint64_t when);
void disarm(Timeout& timeout);
/// Takes what is due off the list: refills are done here, deadlines are handed to `expired`.
void expire(Cpu& cpu, std::uint64_t now, void (*expired)(Thread&));

/// Microseconds to ticks.
std::uint64_t ticks(std::uint64_t microseconds);

} // namespace bulkhead::kernel::scheduler
