// SPDX-License-Identifier: Apache-2.0
// How threads of a monitor reach each other: bells for those that wait for the lock, signals for those that sleep or
// are in the guest. It must not know: how exits and hypercalls are handled.
#include "domain.hpp"

#include <bulkhead/events.hpp>
#include <bulkhead/sys.hpp>

namespace bulkhead::vcpu {

void ThreadBells::wait(std::uint32_t self) {
    (void)sys::wait(Selector{slot::vcpu_bell.value + self}); // whatever ended the wait, the lock looks again
    (void)drain(*page[self], [](std::uint32_t) {});
}

void ThreadBells::ring(std::uint32_t other) {
    (void)sys::signal(Selector{slot::vcpu_bell.value + other}); // it is there as long as the monitor is
}

void Domain::kick(const Vcpu& v) const {
    if (!is_own(v)) {
        (void)sys::signal(Selector{slot::vcpu_events.value + v.id}); // it is there as long as the monitor is
    }
}

void Domain::post(Vcpu& v, std::uint8_t vector) {
    if (is_own(v)) {
        v.lapic.request(vector);
    } else {
        v.mail.post(vector);
        kick(v);
    }
}

void Domain::post_nmi(Vcpu& v) {
    if (is_own(v)) {
        v.lapic.request_nmi();
    } else {
        v.mail.post_nmi();
        kick(v);
    }
}

} // namespace bulkhead::vcpu
