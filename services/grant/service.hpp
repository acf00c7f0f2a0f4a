// SPDX-License-Identifier: Apache-2.0
// The grant component's requests: who may ask what. It holds no memory at all, and no place where any could go: of each
// domain it has the Offers, which maps what the domain offers and nothing else, and hands it to the monitors of others.
// It must not know: how requests arrive, or what is mapped.
#pragma once

#include <bulkhead/client.hpp>
#include <bulkhead/server.hpp>

#include <grant.pb.h>

#include "grant_tables.hpp"

namespace bulkhead::grant {

inline constexpr Selector window{slot::first_free}; ///< where requests' capabilities arrive

constexpr Selector offers_slot(DomId domain) {
    return Selector{128u + domain.value};
}

class Service {
public:
    using Request = bulkhead_GrantRequest;
    using Reply = bulkhead_GrantReply;

    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out);

    const GrantTables& tables() const { return tables_; }
    const RefusalCounter& refusals() const { return refusals_; }

private:
    bool handle_domain(const Request& request, Reply& reply, CapsIn& in);
    bool handle_table(const Request& request, Reply& reply, DomId caller);
    bool handle_peer(const Request& request, Reply& reply, DomId caller, CapsOut& out) const;
    std::int32_t add_domain(const bulkhead_GrantAddDomain& request, CapsIn& in);
    std::int32_t remove_domain(const bulkhead_GrantRemoveDomain& request);
    std::int32_t grow(const bulkhead_GrantGrow& request);

    GrantTables tables_;
    RefusalCounter refusals_;
};

} // namespace bulkhead::grant
