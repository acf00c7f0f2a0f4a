// SPDX-License-Identifier: Apache-2.0
// Stopping a monitor and taking a domain down; see builder.hpp.
#include "builder.hpp"
#include "neighbours.hpp"

namespace bulkhead::domain {

Selector vcpu_thread(const DomainRecord& domain, std::uint32_t vcpu) {
    return vcpu == 0 ? domain.thread : DomainSlots{domain.id}.vcpu_thread(vcpu);
}

void stop_monitor(const DomainRecord& domain) {
    for (std::uint32_t i = 0; domain.thread != no_selector && i < domain.config->vcpus && i < slot::max_vcpus; ++i) {
        (void)sys::thread_stop(vcpu_thread(domain, i)); // one that has faulted or never ran is stopped already
    }
}

std::int32_t take_down_domain(DomainRecord& domain) {
    stop_monitor(domain);
    // The console drains the ring first, while it exists. Whoever never heard of the domain says so: no matter.
    (void)neighbours::remove_console(domain.id);
    (void)neighbours::remove_events(domain.id);
    (void)neighbours::remove_grant(domain.id);
    domain.thread = no_selector;
    domain.cap_space = no_selector;
    domain.sealed_count = 0;
    return neighbours::release(domain.id);
}

} // namespace bulkhead::domain
