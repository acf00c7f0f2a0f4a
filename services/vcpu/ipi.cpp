// SPDX-License-Identifier: Apache-2.0
// Who gets an interprocessor interrupt, and what it does there (APM 2 16.5).
// It must not know: which register the guest wrote.
#include "ipi.hpp"

namespace bulkhead::vcpu {

namespace {

bool is_for(const Lapic::Ipi& ipi, const Vcpu& v) {
    return ipi.shorthand() != Lapic::to_name || v.lapic.answers_to(ipi);
}

void deliver(Domain& d, Vcpu& v, const Lapic::Ipi& ipi) {
    switch (ipi.delivery()) {
    case Lapic::fixed:
    case Lapic::lowest_priority:
        d.post(v, ipi.vector());
        return;
    case Lapic::nmi:
        d.post_nmi(v);
        return;
    case Lapic::init_reset:
        if (!ipi.is_deassert()) {
            receive_init(d, v);
        }
        return;
    case Lapic::startup:
        receive_startup(d, v, ipi.vector());
        return;
    default: // SMI and the reserved ones: there is no firmware to serve them
        return;
    }
}

} // namespace

void deliver_ipi(Domain& d, Vcpu& from) {
    Lapic::Ipi ipi;
    if (!from.lapic.take_ipi(ipi)) {
        return;
    }
    for (std::uint32_t i = 0; i < d.config.vcpus; ++i) {
        Vcpu& v = d.vcpus[i];
        if (&v == &from || !is_for(ipi, v)) {
            continue;
        }
        deliver(d, v, ipi);
        if (ipi.delivery() == Lapic::lowest_priority) {
            return; // priorities are not compared: the first that may have it gets it
        }
    }
}

} // namespace bulkhead::vcpu
