// SPDX-License-Identifier: Apache-2.0
// The print-out's lines for one domain; see the header.
#include "cap_print.hpp"

#include <bulkhead/authority.hpp>
#include <bulkhead/log.hpp>

namespace bulkhead::domain {

void print_capabilities(const DomainRecord& domain) {
    char holder[sizeof(bulkhead_Domain::name) + 16];
    bulkhead::print_capabilities(format_to(holder, "monitor:{}", domain.name()), domain.cap_space);
    const std::string_view vault = format_to(holder, "vault:{}", domain.name());
    for (std::uint32_t i = 0; i < domain.sealed_count; ++i) {
        char line[max_log_line];
        log("{}", format_capability(line, vault, domain.sealed[i].slot, domain.sealed[i].summary));
    }
}

} // namespace bulkhead::domain
