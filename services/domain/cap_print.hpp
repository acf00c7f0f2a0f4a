// SPDX-License-Identifier: Apache-2.0
// Prints what a domain's monitor holds, and what lies sealed in its vault, one capability per line.
// It must not know: why somebody wants to know.
#pragma once

#include <manifest.pb.h>

#include "builder.hpp"

namespace bulkhead::domain {

void print_capabilities(const DomainRecord& domain);

} // namespace bulkhead::domain
