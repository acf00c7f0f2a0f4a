// SPDX-License-Identifier: Apache-2.0
// The parts that emit_header.cpp puts together. It must not know: where structures come from or where the text goes.
#pragma once

#include <sstream>

#include "emit.hpp"

namespace bulkhead::generator {

/// The layout's C++ type of a member, or of an array's elements.
std::string type_name(const Architecture& architecture, const Member& member);

void emit_struct(std::ostream& out, const Architecture& architecture, const Structure& structure);
void emit_conversions(std::ostream& out, const Architecture& architecture, const Structure& structure);

} // namespace bulkhead::generator
