// SPDX-License-Identifier: Apache-2.0
// Event channels by the FIFO ABI (public/event_channel.h), on the first vCPU, for ports below 1024.
#pragma once

#include "hypercall.hpp"

namespace bulkhead::guest {

inline constexpr std::uint32_t fifo_ports = 1024;

/// Sets up events, then changes to the FIFO ABI; from then on wait_for_event and event_count go by its queues.
/// The hypercall's result.
std::int64_t use_fifo_events();
/// Event word of a port, and the control block: where the guest may write what it likes.
event_word_t& fifo_word(std::uint32_t port);
evtchn_fifo_control_block& fifo_control();
std::int64_t set_priority(std::uint32_t port, std::uint32_t priority);
/// Of the port that was taken last: its queue.
std::uint32_t fifo_last_priority();

} // namespace bulkhead::guest
