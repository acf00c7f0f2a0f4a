// SPDX-License-Identifier: Apache-2.0
// The fake architecture's part of a CPU: enough for the kernel proper to run on the build machine.
#pragma once

#include "arch/arch.hpp"

namespace bulkhead::kernel::arch {

struct CpuLocal {
    UserFrame* frame{nullptr};
};

} // namespace bulkhead::kernel::arch
