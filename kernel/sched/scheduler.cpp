// SPDX-License-Identifier: Apache-2.0
#include "sched/scheduler.hpp"

#include <algorithm>

#include "base/panic.hpp"

namespace bulkhead::kernel::scheduler {

namespace {

bool limited(const Budget& b) {
    return b.budget != 0 && b.budget < b.period;
}

void list_insert(Thread*& head, Thread& thread) {
    Budget& b = thread.budget;
    b.next = head;
    b.previous = &head;
    if (head != nullptr) {
        head->budget.previous = &b.next;
    }
    head = &thread;
}

void list_remove(Thread& thread) {
    Budget& b = thread.budget;
    invariant(b.previous != nullptr, "what leaves a list is in one");
    *b.previous = b.next;
    if (b.next != nullptr) {
        b.next->budget.previous = b.previous;
    }
    b.next = nullptr;
    b.previous = nullptr;
}

void queue_append(Cpu& cpu, Thread& thread) {
    Budget& b = thread.budget;
    const std::uint32_t p = b.priority;
    b.next = nullptr;
    b.previous = cpu.last[p] == nullptr ? &cpu.first[p] : &cpu.last[p]->budget.next;
    *b.previous = &thread;
    cpu.last[p] = &thread;
    cpu.ready_mask |= std::uint64_t{1} << p;
    cpu.stale = true;
    b.place = Budget::Place::ready;
}

void queue_remove(Cpu& cpu, Thread& thread) {
    Budget& b = thread.budget;
    const std::uint32_t p = b.priority;
    if (cpu.last[p] == &thread) {
        // The thread before, whose `next` field `previous` points to; or the queue is empty now.
        Thread* before = nullptr;
        for (Thread* t = cpu.first[p]; t != &thread; t = t->budget.next) {
            before = t;
        }
        cpu.last[p] = before;
    }
    list_remove(thread);
    if (cpu.first[p] == nullptr) {
        cpu.ready_mask &= ~(std::uint64_t{1} << p);
    }
    cpu.stale = true;
    b.place = Budget::Place::none;
}

/// Starts a new period if the old one is over.
void refresh(Budget& b, std::uint64_t now) {
    if (limited(b) && now >= b.refill_at) {
        b.left = b.budget;
        b.refill_at = now + b.period;
    }
}

void deplete(Cpu& cpu, Thread& thread) {
    queue_remove(cpu, thread);
    thread.budget.place = Budget::Place::depleted;
    arm(cpu, thread.refill, thread.budget.refill_at);
}

/// Tells a CPU other than this one that it may have something better to do, or that somebody waits for its turn's end:
/// a lone thread has no timer for that.
void notify(Cpu& cpu, const Thread& candidate) {
    if (&cpu == &arch::this_cpu()) {
        return; // it chooses anew before it leaves the kernel
    }
    if (cpu.payer == nullptr || candidate.budget.priority >= cpu.payer->budget.priority) {
        kick(cpu);
    }
}

bool can_run(const Cpu& cpu, const Thread& thread) {
    return thread.runnable() && (thread.running_on == no_cpu || thread.running_on == cpu.id.value);
}

/// The budget at the head of the highest queue, with what it would run; what cannot run is parked on the way.
Thread* pick(Cpu& cpu) {
    while (cpu.ready_mask != 0) {
        const auto p = static_cast<std::uint32_t>(63 - __builtin_clzll(cpu.ready_mask));
        Thread& candidate = *cpu.first[p];
        Thread& runs = end_of_chain(candidate);
        if (can_run(cpu, runs)) {
            return &candidate;
        }
        queue_remove(cpu, candidate);
        candidate.budget.place = Budget::Place::parked;
        list_insert(runs.parked_here, candidate);
    }
    return nullptr;
}

void arm_timer(Cpu& cpu, std::uint64_t now) {
    std::uint64_t when = cpu.timeouts != nullptr ? cpu.timeouts->when : ~std::uint64_t{0};
    if (cpu.payer != nullptr) {
        const Budget& b = cpu.payer->budget;
        if (limited(b) && now + b.left < when) {
            when = now + b.left;
        }
        // A turn ends only if somebody else waits for one.
        const bool alone = cpu.first[b.priority] == cpu.payer && cpu.last[b.priority] == cpu.payer;
        if (!alone && now + b.slice_left < when) {
            when = now + b.slice_left;
        }
    }
    // A timer that fires too early finds nothing due and is armed again; so it is left alone if it is early enough.
    if (when < cpu.timer_armed_for) {
        cpu.timer_armed_for = when;
        arch::arm_timer(when);
    }
}

void hand_over(Cpu& cpu, Thread* next) {
    if (cpu.current != nullptr) {
        cpu.current->running_on = no_cpu;
    }
    cpu.current = next;
    if (next != nullptr) {
        next->running_on = cpu.id.value;
    }
}

} // namespace

std::uint64_t ticks(std::uint64_t microseconds) {
    return microseconds * arch::tsc_khz() / 1000;
}

Thread& end_of_chain(Thread& thread) {
    Thread* t = &thread;
    // The length was limited when each call was made.
    while (t->state == Thread::State::calling && t->callee != nullptr) {
        t = t->callee;
    }
    return *t;
}

void account(Cpu& cpu) {
    const std::uint64_t now = arch::now();
    const std::uint64_t used = now - cpu.charged_until;
    cpu.charged_until = now;
    Thread* const payer = cpu.payer;
    if (payer == nullptr || payer->budget.place != Budget::Place::ready || payer->budget.cpu != cpu.id) {
        return;
    }
    Budget& b = payer->budget;
    b.waits_since = now;
    if (limited(b)) {
        b.left = b.left > used ? b.left - used : 0;
        if (b.left == 0) {
            if (now >= b.refill_at) {
                refresh(b, now);
            } else {
                deplete(cpu, *payer);
                return;
            }
        }
    }
    b.slice_left = b.slice_left > used ? b.slice_left - used : 0;
    if (b.slice_left == 0) {
        b.slice_left = ticks(slice_us);
        queue_remove(cpu, *payer);
        queue_append(cpu, *payer);
    }
}

Thread* choose_anew(Cpu& cpu) {
    Thread* const before = cpu.current;
    if (!cpu.stale && before != nullptr && cpu.payer != nullptr) {
        // The payer is who it was; only calls and replies may have changed for whom it pays.
        Thread& next = end_of_chain(*cpu.payer);
        if (can_run(cpu, next) && (&next == before || before->parked_here == nullptr)) {
            hand_over(cpu, &next);
            return &next;
        }
    }
    account(cpu);
    hand_over(cpu, nullptr);
    Thread* payer = pick(cpu);
    Thread* next = payer != nullptr ? &end_of_chain(*payer) : nullptr;
    if (before != nullptr && before != next && before->parked_here != nullptr) {
        // Another CPU may go on with it. What was of this CPU is in its queue again and must be looked at, or nobody
        // would wake the CPU for it.
        reconsider(*before);
        payer = pick(cpu);
        next = payer != nullptr ? &end_of_chain(*payer) : nullptr;
    }
    if (payer != nullptr) {
        // 0 if it was the payer before; the other point in time may be another CPU's
        const std::uint64_t since = payer->budget.waits_since;
        payer->utcb().waited += std::max(cpu.charged_until, since) - since;
    }
    cpu.payer = payer;
    hand_over(cpu, next);
    cpu.stale = false;
    arm_timer(cpu, cpu.charged_until);
    return next;
}

void enqueue(Thread& thread) {
    Budget& b = thread.budget;
    if (!b.present || b.place == Budget::Place::ready || b.place == Budget::Place::depleted) {
        return;
    }
    if (b.place == Budget::Place::parked) {
        list_remove(thread);
        b.place = Budget::Place::none;
    }
    Cpu& cpu = *cpus[b.cpu.value];
    refresh(b, arch::now());
    if (limited(b) && b.left == 0) {
        b.place = Budget::Place::depleted;
        arm(cpu, thread.refill, b.refill_at);
        return;
    }
    if (b.slice_left == 0) {
        b.slice_left = ticks(slice_us);
    }
    queue_append(cpu, thread);
    notify(cpu, thread);
}

void dequeue(Thread& thread) {
    Budget& b = thread.budget;
    if (Cpu& cpu = *cpus[b.cpu.value]; cpu.payer == &thread) {
        account(cpu); // while the time can still be charged
    }
    switch (b.place) {
    case Budget::Place::none:
        break;
    case Budget::Place::ready:
        queue_remove(*cpus[b.cpu.value], thread);
        break;
    case Budget::Place::depleted:
        disarm(thread.refill);
        break;
    case Budget::Place::parked:
        list_remove(thread);
        break;
    }
    b.place = Budget::Place::none;
}

void reconsider(Thread& thread) {
    // Each goes to its CPU's queue and is parked again at most once, when that CPU looks at it.
    while (Thread* const parked = thread.parked_here) {
        enqueue(*parked);
    }
}

void resume(Thread& thread) {
    thread.state = Thread::State::running;
    reconsider(thread);
    // Work for a caller is done on the caller's time.
    if (thread.caller == nullptr) {
        if (thread.budget.place == Budget::Place::none) {
            thread.budget.waits_since = arch::now();
        }
        enqueue(thread);
    }
}

void block(Thread& thread) {
    dequeue(thread);
    reconsider(thread);
}

void arm(Cpu& cpu, Timeout& timeout, std::uint64_t when) {
    disarm(timeout);
    timeout.when = when;
    timeout.cpu = cpu.id;
    Timeout** link = &cpu.timeouts;
    while (*link != nullptr && (*link)->when <= when) {
        link = &(*link)->next;
    }
    timeout.next = *link;
    timeout.previous = link;
    if (timeout.next != nullptr) {
        timeout.next->previous = &timeout.next;
    }
    *link = &timeout;
    if (cpu.timeouts == &timeout && when < cpu.timer_armed_for) {
        cpu.stale = true; // its timer must be armed anew
        if (&cpu != &arch::this_cpu()) {
            kick(cpu);
        }
    }
}

void disarm(Timeout& timeout) {
    if (!timeout.armed()) {
        return;
    }
    *timeout.previous = timeout.next;
    if (timeout.next != nullptr) {
        timeout.next->previous = timeout.previous;
    }
    timeout.next = nullptr;
    timeout.previous = nullptr;
}

void expire(Cpu& cpu, std::uint64_t now, void (*expired)(Thread&)) {
    cpu.timer_armed_for = ~std::uint64_t{0};
    cpu.stale = true; // a turn or a budget may be over
    while (cpu.timeouts != nullptr && cpu.timeouts->when <= now) {
        Timeout& timeout = *cpu.timeouts;
        disarm(timeout);
        if (timeout.kind == Timeout::Kind::refill) {
            timeout.thread->budget.place = Budget::Place::none;
            enqueue(*timeout.thread);
        } else {
            expired(*timeout.thread);
        }
    }
}

} // namespace bulkhead::kernel::scheduler
