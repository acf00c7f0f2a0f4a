// SPDX-License-Identifier: Apache-2.0
// A kernel on a fake machine, with threads that make the system calls a test tells them to make.
#pragma once

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include <bulkhead/abi/methods.hpp>

#include "entry/run.hpp"
#include "fake.hpp"
#include "object/control.hpp"
#include "object/kernel_objects.hpp"
#include "object/portal.hpp"
#include "sched/lock.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel::test {

/// Slots of the one capability space that all threads of a test share.
inline constexpr std::uint32_t untyped = 1, space = 2, memory = 3, time_of_cpus = 4, first_free = 8;

class System {
public:
    static constexpr std::uint64_t memory_bytes = 16u << 20;

    explicit System(std::uint32_t cpus = 1);
    ~System();

    /// A thread with CPU time, not started. Its selector is returned in `selector`.
    Thread& thread(std::uint32_t priority, std::uint32_t cpu = 0, std::uint64_t budget_us = 0,
                   std::uint64_t period_us = 0);
    /// Makes an object; returns its selector.
    std::uint32_t make(ObjectType type, std::uint64_t size = 0);
    /// Selector of a thread made here.
    std::uint32_t selector(const Thread& thread) const;
    template <typename T> T& object(std::uint32_t at) { return static_cast<T&>(*slot(at).capability.object()); }
    Slot& slot(std::uint32_t at) { return *space_->lookup(Selector{at}); }
    std::uint32_t next_free() { return next_++; }

    /// The kernel's own start of a thread, as thread_start does it.
    void start(Thread& thread);
    /// Lets a CPU that idles (or has just been kicked) choose what to run.
    void choose(std::uint32_t cpu = 0);
    /// The thread that the CPU executes; null: idle.
    Thread* current(std::uint32_t cpu = 0) { return cpus[cpu]->current; }
    Thread* cpus_payer(std::uint32_t cpu = 0) { return cpus[cpu]->payer; }

    /// `thread`, which must be executing on `cpu`, makes a system call.
    void call(Thread& thread, Syscall number, std::uint64_t a0 = 0, std::uint64_t a1 = 0, std::uint64_t a2 = 0,
              std::uint64_t a3 = 0, std::uint64_t a4 = 0, std::uint64_t a5 = 0);
    /// An invocation that goes on until it is not preempted any more.
    Status invoke(Thread& thread, std::uint32_t object, Method method, std::uint64_t a = 0, std::uint64_t b = 0,
                  std::uint64_t c = 0, std::uint64_t d = 0);
    /// An exception, an interrupt (0 timer, 1 kick, 32+ device) on what the CPU executes.
    void exception(std::uint32_t cpu, std::uint64_t vector);
    void interrupt(std::uint32_t cpu, std::uint64_t vector);
    /// Time passes on a CPU until its timer fires or `until` is reached; returns how long that was.
    std::uint64_t run_until_timer(std::uint32_t cpu, std::uint64_t until);

    static Status result(const Thread& thread) { return static_cast<Status>(thread.frame.gpr[0]); }
    static std::uint64_t value(const Thread& thread) { return thread.frame.gpr[2]; }

private:
    template <typename Enter> void enter(std::uint32_t cpu, Enter go_in);

    std::vector<std::uint8_t> storage_;
    std::vector<std::uint8_t> space_storage_;
    CapSpace* space_;
    std::uint32_t next_{first_free};
};

} // namespace bulkhead::kernel::test
