// SPDX-License-Identifier: Apache-2.0
// What domains see of the processor, as text for people: the monitors' own tables.
#pragma once

#include <string>

namespace bulkhead::tools {

std::string describe_processor_policy();

} // namespace bulkhead::tools
