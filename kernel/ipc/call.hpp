// SPDX-License-Identifier: Apache-2.0
// Synchronous calls: the caller's time goes with the message and comes back with the reply.
#pragma once

#include "object/portal.hpp"

namespace bulkhead::kernel::ipc {

/// Starts a call. On ok the caller is in state calling; the handler works for it now, or it queues for its turn.
[[nodiscard]] Status call(Thread& caller, Portal& portal, std::uint64_t badge, MessageInfo info);
/// Replies to the thread's caller, if it has one.
void reply(Thread& handler, MessageInfo info);
/// Takes the next request, or the news of its EventSet, or waits until `deadline` (0: for ever). Sets the
/// thread's result unless it waits.
void receive(Thread& handler, std::uint64_t deadline);
/// Ends every call that waits for `handler`: its callers get `aborted`. Time grows with their number.
void abort_callers(Thread& handler);
/// Takes `caller` out of the call it makes; the handler's reply will go nowhere.
void abandon(Thread& caller);

} // namespace bulkhead::kernel::ipc
