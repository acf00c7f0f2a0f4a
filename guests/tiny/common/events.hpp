// SPDX-License-Identifier: Apache-2.0
// Event channels by the 2-level ABI with a callback vector, the one-shot timer, and the PV clock.
#pragma once

#include "hypercall.hpp"

namespace bulkhead::guest {

/// Maps shared_info over a page of the guest's own, asks for upcalls on a vector, and binds the timer. Idempotent.
void set_up_events();
shared_info& shared();

/// From now on upcalls come by that vector of the local APIC (HVMOP_set_evtchn_upcall_vector), which is put into x2APIC
/// mode. The hypercall's result.
std::int64_t use_upcall_vector(std::uint8_t vector);
/// For who takes events in another way than the 2-level ABI's (fifo.hpp).
void take_events_by(void (*taker)());
void count_event(std::uint32_t port);
/// How often that port was raised.
std::uint64_t event_count(std::uint32_t port);
/// Sleeps until the port has been raised since the last call for it.
void wait_for_event(std::uint32_t port);

/// Nanoseconds of system time (public/xen.h, vcpu_time_info).
std::uint64_t system_time();
/// Seconds since 1970 at system time 0.
std::uint64_t wall_clock_seconds();
/// Asks for one timer event at an absolute system time; the hypercall's result.
std::int64_t set_timer(std::uint64_t at);
std::uint32_t timer_port();

} // namespace bulkhead::guest
