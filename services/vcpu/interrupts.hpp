// SPDX-License-Identifier: Apache-2.0
// Which interrupt the guest gets next: the event callback's vector or the local APIC's, in the kernel's one slot.
// It must not know: where events come from.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// What other threads have sent comes into the local APIC.
void collect_mail(const Domain& d, Vcpu& v);
/// Before each run: offers the kernel the interrupt with the highest claim, or withdraws one that lost its reason.
void offer_interrupt(const Domain& d, Vcpu& v);
/// After each run: learns whether the guest has taken what was offered.
void settle_interrupt(Vcpu& v);
/// Whether something has arrived that ends the vCPU's sleep. Call after offer_interrupt.
bool should_wake(const Domain& d, const Vcpu& v);

} // namespace bulkhead::vcpu
