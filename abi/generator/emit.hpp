// SPDX-License-Identifier: Apache-2.0
// The generated text. It must not know: where structures come from or where the text goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "architecture.hpp"

namespace bulkhead::generator {

using Structures = std::vector<std::unique_ptr<Structure>>;

/// FILE.layout.hpp: layout structures of every architecture, their conversion to and from the messages.
/// `schema`: the .proto's name without directory and ending.
std::string emit_header(const std::string& schema, const Structures& structures,
                        const std::vector<Constant>& constants);

/// FILE.ARCHITECTURE.check.c: compares layouts and constants with the public headers.
std::string emit_check(const std::string& schema, const Architecture& architecture, const Structures& structures,
                       const std::vector<Constant>& constants);

} // namespace bulkhead::generator
