// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "object/thread.hpp"

namespace bulkhead::kernel {

/// Does what the thread's registers ask for. Afterwards the thread runs on, or its state says what it waits for.
void handle_syscall(Thread& thread);

} // namespace bulkhead::kernel
