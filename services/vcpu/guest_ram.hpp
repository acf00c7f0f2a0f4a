// SPDX-License-Identifier: Apache-2.0
// Carries out what services/memory has decided about a domain's RAM: pages are taken away, come back zeroed to where
// they began, or go elsewhere. The monitor alone holds capabilities to that RAM, so nobody else can.
// It must not know: why, or what the guest is told.
#pragma once

#include "domain.hpp"

namespace bulkhead::vcpu {

/// The guest has nothing there any more, as services/memory has seen to: the monitor's view follows.
void lose_pages(Domain& d, Gfn first, std::uint64_t pages);
/// Zeroed pages of RAM where they began. False: the tables of stage 2 have run out, and some may be there.
[[nodiscard]] bool bring_home(Domain& d, Gfn first, std::uint64_t pages);
/// Pages that began at `frame`, elsewhere. False: nothing has happened.
[[nodiscard]] bool bring_elsewhere(Domain& d, Gfn gfn, Gfn frame, std::uint32_t pages, bool zeroed);
/// One page, with what is in it, to `gfn`, which may be its home.
[[nodiscard]] bool bring_page(Domain& d, Gfn gfn, Gfn frame);

} // namespace bulkhead::vcpu
