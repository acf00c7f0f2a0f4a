// SPDX-License-Identifier: Apache-2.0
// Walking over the table, in a guest (main.cpp) and on the host (test/conformance).
#pragma once

#include "row.hpp"

namespace bulkhead::conformance {

/// A handle case that Xen answers otherwise at that kind of place (Place::count: at every one that it answers with an
/// error).
struct HandleDeviation {
    const char* name;
    Place place;
    OnXen xen;
};
std::span<const HandleDeviation> handle_deviations();

/// Whether the row runs in that image and run, where its group does.
bool belongs_to(const Row& row, Width width, Run run);
std::uint8_t widths_of(Place place);
const char* name_of(Place place);
/// Whether the structure can be read and written there.
bool succeeds_there(Place place);
std::int64_t wanted(const HandleCase& c, Place place);
OnXen on_xen(const HandleCase& c, Place place);
bool equal_names(const char* a, const char* b);

} // namespace bulkhead::conformance
