// SPDX-License-Identifier: Apache-2.0
// Moving one message, with its capabilities, from one thread's UTCB to another's.
#pragma once

#include "object/thread.hpp"

namespace bulkhead::kernel::ipc {

/// Checks everything, then copies: on any error nothing has moved. On success `info.caps` capabilities are in the
/// receiver's window. Errors: bad_argument (length, count), bad_selector, bad_type, no_right (a capability of the
/// message), out_of_range (the receiver takes no or too few capabilities).
[[nodiscard]] Status transfer(Thread& from, Thread& to, MessageInfo info);

} // namespace bulkhead::kernel::ipc
