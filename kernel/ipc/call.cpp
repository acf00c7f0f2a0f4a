// SPDX-License-Identifier: Apache-2.0
#include "ipc/call.hpp"

#include "ipc/message.hpp"
#include "object/event_set.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel::ipc {

namespace {

void set_result(Thread& thread, Status status, MessageInfo info = {}) {
    arch::set_syscall_result(thread.frame, status, info.pack());
}

/// Ends a call: the caller goes on with this result.
void finish(Thread& caller, Status status, MessageInfo info = {}) {
    caller.callee = nullptr;
    set_result(caller, status, info);
    scheduler::resume(caller);
}

void queue_append(Thread& handler, Thread& caller) {
    caller.next_queued = nullptr;
    caller.queued = true;
    if (handler.last_queued != nullptr) {
        handler.last_queued->next_queued = &caller;
    } else {
        handler.first_queued = &caller;
    }
    handler.last_queued = &caller;
}

void queue_remove(Thread& handler, Thread& caller) {
    Thread* before = nullptr;
    for (Thread* t = handler.first_queued; t != &caller; t = t->next_queued) {
        before = t;
    }
    (before != nullptr ? before->next_queued : handler.first_queued) = caller.next_queued;
    if (handler.last_queued == &caller) {
        handler.last_queued = before;
    }
    caller.next_queued = nullptr;
    caller.queued = false;
}

/// The handler, which waits for a request, begins to work for `caller`. False: the message cannot be delivered.
bool begin(Thread& handler, Thread& caller) {
    if (const Status status = transfer(caller, handler, caller.message); status != Status::ok) {
        finish(caller, status);
        return false;
    }
    handler.caller = &caller;
    handler.utcb().badge = caller.call_badge;
    set_result(handler, Status::ok, caller.message);
    scheduler::disarm(handler.deadline);
    scheduler::dequeue(handler); // it works on its caller's time
    handler.state = Thread::State::running;
    scheduler::reconsider(handler);
    return true;
}

} // namespace

Status call(Thread& caller, Portal& portal, std::uint64_t badge, MessageInfo info) {
    Thread* const handler = portal.handler.get();
    if (handler == nullptr || handler->dying() || handler->state == Thread::State::faulted ||
        handler->state == Thread::State::stopped) {
        return Status::aborted;
    }
    if (info.length > Utcb::data_size || info.caps > Utcb::max_caps) {
        return Status::bad_argument;
    }
    // A chain that comes back to the caller would wait for itself.
    std::uint32_t links = 0;
    for (const Thread* t = handler; t != nullptr; t = t->state == Thread::State::calling ? t->callee : nullptr) {
        if (t == &caller || ++links > scheduler::max_chain) {
            return Status::busy;
        }
    }
    caller.message = info;
    caller.call_badge = badge;
    caller.callee = handler;
    caller.state = Thread::State::calling;
    if (handler->state != Thread::State::receiving) {
        queue_append(*handler, caller);
    } else if (!begin(*handler, caller)) {
        return Status::ok; // the caller has its error already
    }
    scheduler::reconsider(caller);
    return Status::ok;
}

void reply(Thread& handler, MessageInfo info) {
    Thread* const caller = handler.caller;
    handler.caller = nullptr;
    if (caller == nullptr) {
        return;
    }
    const Status status = transfer(handler, *caller, info);
    finish(*caller, status, status == Status::ok ? info : MessageInfo{});
}

void receive(Thread& handler, std::uint64_t deadline) {
    handler.state = Thread::State::receiving;
    while (Thread* const next = handler.first_queued) {
        queue_remove(handler, *next);
        if (begin(handler, *next)) {
            arch::this_cpu().stale = true; // it works on, but somebody else pays
            return;
        }
    }
    if (EventSet* const events = handler.events.get(); events != nullptr && events->any()) {
        set_result(handler, Status::signalled);
        scheduler::resume(handler);
        return;
    }
    scheduler::block(handler);
    if (deadline != 0) {
        scheduler::arm(arch::this_cpu(), handler.deadline, deadline);
    } else {
        scheduler::disarm(handler.deadline);
    }
}

void abort_callers(Thread& handler) {
    if (Thread* const caller = handler.caller) {
        handler.caller = nullptr;
        finish(*caller, Status::aborted);
    }
    while (Thread* const next = handler.first_queued) {
        queue_remove(handler, *next);
        finish(*next, Status::aborted);
    }
}

void abandon(Thread& caller) {
    Thread* const handler = caller.callee;
    if (handler == nullptr) {
        return;
    }
    if (caller.queued) {
        queue_remove(*handler, caller);
    } else {
        handler->caller = nullptr;
        // The rest of the request is done on the handler's own time.
        handler->budget.waits_since = arch::now();
        scheduler::enqueue(*handler);
    }
    caller.callee = nullptr;
}

} // namespace bulkhead::kernel::ipc
