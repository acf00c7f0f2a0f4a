// SPDX-License-Identifier: Apache-2.0
// The MSRs that exit: a table of what exists; everything else is #GP. SYSCALL, SYSENTER and segment-base MSRs do not
// exit. It must not know: the instructions that read and write them.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// False: #GP.
[[nodiscard]] bool read_msr(Domain& d, Vcpu& v, std::uint32_t msr, std::uint64_t& value);
[[nodiscard]] bool write_msr(Domain& d, Vcpu& v, std::uint32_t msr, std::uint64_t value);

} // namespace bulkhead::vcpu
