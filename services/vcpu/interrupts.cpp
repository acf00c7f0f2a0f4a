// SPDX-License-Identifier: Apache-2.0
// One slot, two sources. The callback vector behaves like a level: it is offered as long as evtchn_upcall_pending is
// set, at each exit anew, and needs no end-of-interrupt (public/hvm/params.h, HVM_PARAM_CALLBACK_TYPE_VECTOR). It must
// not know: where events come from.
#include "interrupts.hpp"

#include "events.hpp"
#include "exceptions.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint32_t offered = 0x100;
constexpr std::uint64_t rflags_if = 1u << 9;

bool polled_port_pending(const Domain& d, const Vcpu& v) {
    for (std::uint32_t i = 0; i < v.poll_count; ++i) {
        if (is_pending(d, Port{v.poll_port[i]})) {
            return true;
        }
    }
    return false;
}

bool interrupts_on(const Vcpu& v) {
    return (v.state->rflags & rflags_if) != 0;
}

bool injecting(const Vcpu& v) {
    return (v.state->inject & event_valid) != 0;
}

/// At the next entry: the kernel does it whenever it is handed registers that decide about paging. Who waits for it
/// looks again.
void drop_translations(const Domain& d, Vcpu& v) {
    v.touch(VcpuGroups::mode);
    for (std::uint32_t i = 0; i < d.config.vcpus; ++i) {
        if (const Vcpu& other = d.vcpus[i]; other.sleep == Sleep::flushing) {
            d.kick(other);
        }
    }
}

bool flush_waits(const Domain& d, const Vcpu& v) {
    for (std::uint32_t i = 0; i < d.config.vcpus; ++i) {
        if (const Vcpu& other = d.vcpus[i]; &other != &v && other.mail.flush_waits()) {
            return true;
        }
    }
    return false;
}

/// The callback is on its way in already: its delivery was cut off by an exit.
bool injecting_callback(const Domain& d, const Vcpu& v) {
    return v.state->inject == make_interrupt(d.callback.vector);
}

} // namespace

void collect_mail(const Domain& d, Vcpu& v) {
    v.mail.collect([&](std::uint8_t vector) { v.lapic.request(vector); }, [&] { v.lapic.request_nmi(); },
                   [&] { drop_translations(d, v); });
}

void offer_interrupt(const Domain& d, Vcpu& v) {
    if (!injecting(v) && v.lapic.take_nmi()) {
        inject_nmi(v);
    }
    if (d.callback.vector != 0 && v.upcall_vector == 0 && upcall_pending(v) && !injecting_callback(d, v)) {
        v.offer = Offer::callback;
        v.offered_vector = d.callback.vector;
    } else if (const std::uint8_t vector = v.lapic.deliverable(); vector != 0) {
        v.offer = Offer::lapic;
        v.offered_vector = vector;
    } else {
        v.offer = Offer::none;
    }
    v.state->pending_vector = v.offer == Offer::none ? 0 : v.offered_vector | offered;
}

void settle_interrupt(Vcpu& v) {
    if (v.offer == Offer::lapic && v.state->pending_vector == 0) {
        v.lapic.accept(v.offered_vector);
    }
    v.offer = Offer::none;
}

bool should_wake(const Domain& d, const Vcpu& v) {
    switch (v.sleep) {
    case Sleep::awake:
        return true;
    case Sleep::halted:
        return v.state->pending_vector != 0 || injecting(v);
    case Sleep::blocked:
        return v.state->pending_vector != 0 || injecting(v) || upcall_pending(v);
    case Sleep::polling:
        // An interrupt that the guest does not take now has been waiting already: it polls in spite of it.
        return (v.state->pending_vector != 0 && interrupts_on(v)) || injecting(v) || polled_port_pending(d, v);
    case Sleep::flushing:
        return !flush_waits(d, v);
    }
    return true;
}

} // namespace bulkhead::vcpu
