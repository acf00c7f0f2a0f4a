// SPDX-License-Identifier: Apache-2.0
// A guest that tries everything it can reach. Each part attacks one surface; the command line names the parts to run. A
// part that returns tells what it saw; one that kills the guest is expected to kill nothing else.
#pragma once

#include "guest.hpp"
#include "random.hpp"

namespace bulkhead::guest {

struct Verdict {
    bool pass;
    Line text;
};

Verdict attack_ports(Random& random);
Verdict attack_msrs(Random& random);
Verdict attack_memory(Random& random);
/// Every hypercall number with random and boundary arguments.
Verdict attack_hypercalls(Random& random);
/// What Xen promises for unknown operations and bad pointers.
Verdict check_errors(Random& random);
Verdict attack_console_ring(Random& random);
Verdict execute_undefined(Random& random);
Verdict execute_garbage(Random& random);
/// Does not return.
Verdict triple_fault(Random& random);
/// Does not return: page tables where there is no memory.
Verdict lose_page_tables(Random& random);

} // namespace bulkhead::guest
