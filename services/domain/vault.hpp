// SPDX-License-Identifier: Apache-2.0
// Puts a domain's capabilities where nobody can take them out again; see builder.hpp. It must not know: what they are.
#pragma once

#include "builder.hpp"

namespace bulkhead::domain {

/// Moves the capability into the domain's vault and notes what it was. An empty slot has nothing to hide.
[[nodiscard]] Status put_into_vault(DomainRecord& domain, Selector from);

} // namespace bulkhead::domain
