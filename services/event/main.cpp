// SPDX-License-Identifier: Apache-2.0
// services/event: keeps the event channels. Sending is the kernel's, pending bits are the receiving monitor's; this
// component can lose or invent connections, and nothing more.
#include <bulkhead/log.hpp>

#include "service.hpp"

namespace {

/// Ports of all domains together: as many for each as Xen's default (1023 and port 0) gives it.
constexpr std::size_t bucket_count =
    std::size_t{bulkhead::max_domains} * 1024 / bulkhead::event::PortTable::bucket_ports;
constinit bulkhead::event::PortTable::Bucket bucket_memory[bucket_count]{};

} // namespace

extern "C" [[noreturn]] void component_main(std::uint64_t) {
    using namespace bulkhead;
    const auto slots = sys::info(slot::cap_space);
    static event::Service service{bucket_memory, slots ? static_cast<std::uint32_t>(*slots) : 0};
    Server<event::Service> server{service, event::window};
    log("ready: {} ports, {} senders", bucket_count * event::PortTable::bucket_ports, service.table().free_senders());
    server.run();
}
