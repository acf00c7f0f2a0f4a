// SPDX-License-Identifier: Apache-2.0
// Event delivery (public/event_channel.h) by the ABI that the guest has chosen: the 2-level one, bits in shared_info
// and vcpu_info, or the FIFO one. Guest and monitor change them concurrently; the monitor's own threads take turns. It
// must not know: who is connected to whom, how the guest gets the interrupt.
#pragma once

#include <bulkhead/abi/syscall.hpp>

#include "domain.hpp"

namespace bulkhead::vcpu {

constexpr bool is_port(std::uint64_t port) {
    return port != 0 && port < max_ports;
}

/// Ports from there on do not exist for a guest of the domain's event-channel ABI and width: nothing is raised at them.
std::uint32_t event_port_limit(const Domain& d);
/// Sets the port pending and tells its vCPU, if neither was so already and the port is not masked.
void raise(Domain& d, Port port);
/// For the virtual interrupt's port on that vCPU, if the guest has bound one.
void raise_virq(Domain& d, Vcpu& v, std::uint32_t virq);
/// EVTCHNOP_unmask.
void unmask(Domain& d, Port port);
bool is_pending(const Domain& d, Port port);
void clear_pending(Domain& d, Port port);

/// The FIFO ABI from now on. Pending ports stay pending: they are raised as soon as they have a word.
void start_fifo(Domain& d);
/// Of the ports from `first` to before `end`: raises those that could not be put into a queue so far.
void raise_again(Domain& d, std::uint32_t first, std::uint32_t end);

bool upcall_pending(const Vcpu& v);
void mark_upcall_pending(Domain& d, Vcpu& v);
/// A new vcpu_info: everything in it counts as pending, so that nothing gets lost (as Xen does).
void mark_everything_pending(Domain& d, Vcpu& v);

/// Takes the signals of other components and domains. Returns how many were for open ports.
std::uint32_t take_signals(Domain& d, EventPage& page);

} // namespace bulkhead::vcpu
