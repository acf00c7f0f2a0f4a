// SPDX-License-Identifier: Apache-2.0
// A page of the guest's RAM goes from one frame number to another, with what is in it.
// It must not know: which hypercall wants it.
#pragma once

#include <bulkhead/slots.hpp>

#include "call.hpp"

namespace bulkhead::vcpu {

/// The page at `from` lies at `to` afterwards, in the place of whatever was there, and `from` is a hole. To the guest
/// `to` is the old or the new page, never nothing. 0 or -errno: then everything is as it was.
[[nodiscard]] xen::Result move_page(Domain& d, Gfn from, Gfn to);
/// The page of RAM that belongs at `gfn` is mapped there anew: something may have taken it from stage 2.
void map_anew(Domain& d, Gfn gfn);

} // namespace bulkhead::vcpu
