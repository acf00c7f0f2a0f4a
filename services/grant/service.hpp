// SPDX-License-Identifier: Apache-2.0
// The grant component's requests: who may ask what, and where a table's frames come from: one Region, made of the
// domain's own memory when the domain is added, so that growing cannot fail later.
// It must not know: how requests arrive.
#pragma once

#include <bulkhead/client.hpp>
#include <bulkhead/server.hpp>

#include <grant.pb.h>

#include "grant_tables.hpp"

namespace bulkhead::grant {

// The component's slots. Per domain: the Untyped that it was given, and the Region of all its frames.
constexpr Selector untyped_slot(DomId domain) {
    return Selector{128u + domain.value};
}
constexpr Selector frames_slot(DomId domain) {
    return Selector{256u + domain.value};
}
inline constexpr Selector window{slot::first_free}; ///< where requests' capabilities arrive
inline constexpr Selector outgoing{window.value + Utcb::max_caps};

class Service {
public:
    using Request = bulkhead_GrantRequest;
    using Reply = bulkhead_GrantReply;

    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out);

    const GrantTables& tables() const { return tables_; }
    const RefusalCounter& refusals() const { return refusals_; }

private:
    bool handle_domain(const Request& request, Reply& reply, CapsIn& in);
    bool handle_monitor(const Request& request, Reply& reply, DomId caller);
    std::int32_t add_domain(const bulkhead_GrantAddDomain& request, CapsIn& in);
    std::int32_t remove_domain(DomId domain);
    std::int32_t get_frame(const bulkhead_GrantGetFrame& request, CapsOut& out);

    GrantTables tables_;
    RefusalCounter refusals_;
};

} // namespace bulkhead::grant
