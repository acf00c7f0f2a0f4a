// SPDX-License-Identifier: Apache-2.0
// Fills a domain's vault; see the header.
#include "vault.hpp"

namespace bulkhead::domain {

Status put_into_vault(DomainRecord& domain, Selector from) {
    const auto summary = sys::inspect(from);
    if (!summary) {
        return summary.status();
    }
    if (summary->type == ObjectType::null) {
        return Status::ok;
    }
    const Selector to{1 + domain.sealed_count};
    const Status status = sys::move(DomainSlots{domain.id}.vault(), to, from);
    if (status == Status::ok) {
        domain.sealed[domain.sealed_count++] = {to, *summary};
    }
    return status;
}

} // namespace bulkhead::domain
