// SPDX-License-Identifier: Apache-2.0
// The kernel's one capability system, and how its objects begin and end.
#pragma once

#include "base/panic.hpp"
#include "cap/capabilities.hpp"

namespace bulkhead::kernel {

extern Capabilities capabilities;

} // namespace bulkhead::kernel
