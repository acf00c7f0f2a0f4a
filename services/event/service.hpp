// SPDX-License-Identifier: Apache-2.0
// The event component's requests: who may ask what, and the port table's answers as messages. Here are the capability
// invocations that make and unmake senders.
// It must not know: how requests arrive.
#pragma once

#include <bulkhead/client.hpp>
#include <bulkhead/server.hpp>

#include <event.pb.h>

#include "port_table.hpp"

namespace bulkhead::event {

/// Slot of a domain's EventSet [write | derive], from which its senders are minted.
constexpr Selector domain_events(DomId domain) {
    return Selector{256u + domain.value};
}
/// Where requests' capabilities arrive, and behind it the senders.
inline constexpr Selector window{slot::first_free};
inline constexpr Selector first_sender{slot::first_free.value + Utcb::max_caps};

/// Minting and revoking by the kernel.
class KernelAuthority final : public Authority {
public:
    bool mint(Selector slot, DomId receiver, Port port) override;
    void withdraw(Selector slot) override;
};

class Service {
public:
    using Request = bulkhead_EventRequest;
    using Reply = bulkhead_EventReply;

    /// `slots`: size of the component's capability space.
    Service(std::span<PortTable::Bucket> memory, std::uint32_t slots)
        : table_{authority_, memory, first_sender, slots > first_sender.value ? slots - first_sender.value : 0} {}

    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out);

    const PortTable& table() const { return table_; }
    const RefusalCounter& refusals() const { return refusals_; }

private:
    /// Requests of services/domain, and those of monitors. False: not one of those.
    bool handle_domain(const Request& request, Reply& reply, CapsIn& in, CapsOut& out);
    bool handle_monitor(const Request& request, Reply& reply, DomId caller, CapsOut& out);
    std::int32_t add_domain(const bulkhead_EventAddDomain& request, CapsIn& in);
    PortTable::Step remove_domain(std::uint32_t id);
    void refuse(const Request& request, Reply& reply, ClientId who);

    KernelAuthority authority_;
    PortTable table_;
    RefusalCounter refusals_;
};

} // namespace bulkhead::event
