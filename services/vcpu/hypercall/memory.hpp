// SPDX-License-Identifier: Apache-2.0
// The operations of HYPERVISOR_memory_op (public/memory.h), by file. It must not know: their numbers.
#pragma once

#include "call.hpp"

namespace bulkhead::vcpu {

// reservation.cpp: how much memory the domain has
xen::Result increase_reservation(Call& call);
xen::Result decrease_reservation(Call& call);
xen::Result populate_physmap(Call& call);
xen::Result exchange(Call& call);

// physmap.cpp: what is where
xen::Result add_to_physmap(Call& call);
xen::Result add_to_physmap_batch(Call& call);
xen::Result remove_from_physmap(Call& call);
/// What remove_from_physmap does with one page.
xen::Result take_from_physmap(Domain& d, Gfn gfn);

} // namespace bulkhead::vcpu
