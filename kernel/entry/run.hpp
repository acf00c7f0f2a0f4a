// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bulkhead::kernel {

/// Runs whatever is best on this CPU: the only way out of the kernel. The lock is held by the caller and released
/// inside.
[[noreturn]] void run();

} // namespace bulkhead::kernel
