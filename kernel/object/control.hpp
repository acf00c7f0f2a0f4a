// SPDX-License-Identifier: Apache-2.0
// Starting, stopping, waking and faulting threads: what the entries and the destruction of objects have in common.
#pragma once

#include "cap/capabilities.hpp"
#include "object/event_set.hpp"
#include "object/vcpu.hpp"
#include "sched/cpu.hpp"

namespace bulkhead::kernel {

/// Sets a bit and wakes or interrupts whoever waits for the set. Constant time plus one interprocessor interrupt.
void signal(EventSet& set, std::uint32_t bit);
/// Ends the thread's vcpu_run with this result. It is not executing its guest.
void finish_run(Thread& thread, Status status);
/// The thread's deadline has passed.
void on_deadline(Thread& thread);
/// Stops a thread and ends its calls. `wait`: it executes on another CPU, which has been told; try again.
[[nodiscard]] Step stop(Thread& thread, Thread::State state);
/// The current thread's system call waits for `cpu` to serve its kick, and goes on then.
void retry_later(Thread& thread, Cpu& cpu);
/// `cpu` has served its kick. Time grows with the number of threads that waited for it.
void retry_now(Cpu& cpu);
/// The current thread of this CPU has caused an exception.
void fault(Thread& thread, std::uint64_t vector, std::uint64_t error, std::uint64_t address);

} // namespace bulkhead::kernel
