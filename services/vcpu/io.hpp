// SPDX-License-Identifier: Apache-2.0
// I/O ports: there are no devices. Reads give all ones, writes vanish; port 0xe9 is the guest's log.
// It must not know: paging modes, how the exit was taken.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// What a read of that port gives, in the low `width` bytes.
std::uint32_t read_port(std::uint16_t port, std::uint8_t width);
void write_port(Domain& d, std::uint16_t port, std::uint32_t value);

/// An IN, OUT, INS or OUTS that exited. Finishes it, faults it, or has done a bounded part of it.
void handle_io(Domain& d, Vcpu& v);

} // namespace bulkhead::vcpu
