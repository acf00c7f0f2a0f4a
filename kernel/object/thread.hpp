// SPDX-License-Identifier: Apache-2.0
// A thread: a component's flow of control, which may at times be inside a guest, and may have CPU time of its own.
#pragma once

#include <bulkhead/abi/methods.hpp>
#include <bulkhead/abi/syscall.hpp>

#include "arch/arch.hpp"
#include "cap/cap_space.hpp"
#include "sched/budget.hpp"

namespace bulkhead::kernel {

class AddressSpace;
class EventSet;
class Vcpu;

inline constexpr std::uint32_t no_cpu = ~0u;

class Thread : public Object {
public:
    enum class State : std::uint8_t {
        stopped,   ///< never started, or by thread_stop
        faulted,   ///< by an exception
        running,   ///< wants a CPU: in its component, or (in_guest) in its guest
        receiving, ///< in reply_wait
        calling,   ///< in call: `callee` works for it, or it queues there
        waiting,   ///< in wait
        retrying   ///< its system call goes on when another CPU has served a kick
    };

    Thread()
        : Object{ObjectType::thread}, deadline{*this, Timeout::Kind::deadline}, refill{*this, Timeout::Kind::refill} {}

    /// The object's second page.
    HostPhys utcb_frame() const { return HostPhys{arch::to_physical(this).value + page_size}; }
    Utcb& utcb() const { return *static_cast<Utcb*>(arch::to_virtual(utcb_frame())); }
    bool runnable() const { return state == State::running; }

    State state{State::stopped};
    bool configured{false};
    std::uint32_t running_on{no_cpu}; ///< the CPU that executes it now
    arch::UserFrame frame{};
    Ref<CapSpace> capabilities;
    Ref<AddressSpace> memory;

    // Signals
    Ref<EventSet> events;    ///< ends vcpu_run and reply_wait
    Ref<EventSet> waits_for; ///< state waiting: that set's `waiter` is this thread
    Ref<EventSet> fault_events;
    std::uint32_t fault_bit{0};
    FaultState fault{};

    // Calls
    Thread* callee{nullptr};       ///< state calling
    Thread* caller{nullptr};       ///< whom it works for
    Thread* first_queued{nullptr}; ///< callers whose turn has not come, first in first out
    Thread* last_queued{nullptr};
    Thread* next_queued{nullptr};
    bool queued{false};
    MessageInfo message{};       ///< of a queued call
    std::uint64_t call_badge{0}; ///< likewise

    // Guest
    Vcpu* in_guest{nullptr}; ///< inside vcpu_run

    // CPU time
    Budget budget;
    Timeout deadline;
    Timeout refill;
    /// Its cap_delete was preempted when the slot was empty and the object not yet gone: the restarted call goes on
    /// from there.
    bool finishing_delete{false};
    Thread* next_retrying{nullptr}; ///< list of whoever waits for the same CPU
    Thread* parked_here{nullptr};   ///< threads whose budgets wait until this one changes
};
static_assert(sizeof(Thread) <= page_size);

} // namespace bulkhead::kernel
