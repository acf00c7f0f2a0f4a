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
std::string emit_header(const std::string& schema, const Structures& structures);

/// FILE.check.cpp: compares the layouts with the public headers, by static_assert.
std::string emit_check(const std::string& schema, const Structures& structures);

} // namespace bulkhead::generator
