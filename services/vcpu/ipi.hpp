// SPDX-License-Identifier: Apache-2.0
// Interprocessor interrupts between the vCPUs of the domain: from one local APIC to the others.
// It must not know: which register the guest wrote.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// After a write to the vCPU's local APIC: delivers what the write sent to others.
void deliver_ipi(Domain& d, Vcpu& from);

} // namespace bulkhead::vcpu
