// SPDX-License-Identifier: Apache-2.0
// MOV to and from DR7, where the kernel lets no guest execute them: the value is kept and given back, breakpoints stay
// off. It must not know: how the exit was taken.
#pragma once

#include <span>

#include "domain.hpp"

namespace bulkhead::vcpu {

struct DebugMove {
    std::uint32_t length;
    bool write;       ///< to DR7
    std::uint8_t reg; ///< number of the general-purpose register
};

/// Decodes 0F 21 and 0F 23 with DR7, or with DR5, its old name (APM 3, MOV DRn). False: anything else, or cut off.
[[nodiscard]] bool decode_debug_move(std::span<const std::uint8_t> code, bool long_code, DebugMove& move);

/// ExitReason::debug_control.
void handle_debug_control(Domain& d, Vcpu& v);

} // namespace bulkhead::vcpu
