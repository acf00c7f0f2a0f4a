// SPDX-License-Identifier: Apache-2.0
// Where the report goes: to the console ring while its event channel works, to the debug port afterwards (one exit for
// each character is many times slower). Whoever reads the report takes both. It must not know: what is said.
#pragma once

#include "text.hpp"

namespace bulkhead::conformance {

void say(const guest::Line& line);
/// Until the other side has taken what is in the ring, or does not.
void drain();

} // namespace bulkhead::conformance
