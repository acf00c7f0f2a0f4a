// SPDX-License-Identifier: Apache-2.0
// When a domain is ready: at its guest's first instruction. The system's log says when its building began.
#include "bench.hpp"

namespace bulkhead::guest::bench {

void tell_first_instruction() {
    const auto at = first_instruction();
    debug_port_write(Line{} << "bench: first_instruction " << at << ' ' << at << ' ' << at << " 1\n");
}

} // namespace bulkhead::guest::bench
