// SPDX-License-Identifier: Apache-2.0
// Event channels for rows: ports that close themselves.
#pragma once

#include "../machine.hpp"

namespace bulkhead::conformance {

template <typename T> std::int64_t event(Word operation, T& argument) {
    return operate(__HYPERVISOR_event_channel_op, operation, argument);
}
inline std::int64_t close(std::uint32_t port) {
    evtchn_close c{port};
    return event(EVTCHNOP_close, c);
}
inline std::int64_t send(std::uint32_t port) {
    evtchn_send s{port};
    return event(EVTCHNOP_send, s);
}
inline evtchn_status status_of(std::uint32_t port) {
    evtchn_status s{};
    s.dom = DOMID_SELF;
    s.port = port;
    s.status = ~0u;
    (void)event(EVTCHNOP_status, s);
    return s;
}

/// Closed at the end of its row; 0: none.
struct Port {
    std::uint32_t number;

    explicit Port(std::uint32_t n) : number{n} {}
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port() {
        if (number != 0) {
            (void)close(number);
            clear_pending(number);
        }
    }
};
inline Port unbound_port() {
    evtchn_alloc_unbound a{};
    a.dom = DOMID_SELF;
    a.remote_dom = DOMID_SELF;
    (void)event(EVTCHNOP_alloc_unbound, a);
    return Port{a.port};
}
inline Port ipi_port() {
    evtchn_bind_ipi b{};
    (void)event(EVTCHNOP_bind_ipi, b);
    return Port{b.port};
}

/// Both ends of a channel from this domain to itself, with nothing pending.
struct Pair {
    Port first;
    Port second;
};
inline std::uint32_t bound_to(std::uint32_t port) {
    evtchn_bind_interdomain b{DOMID_SELF, port, 0};
    (void)event(EVTCHNOP_bind_interdomain, b);
    clear_pending(b.local_port);
    return b.local_port;
}
inline Pair loop() {
    evtchn_alloc_unbound a{};
    a.dom = DOMID_SELF;
    a.remote_dom = DOMID_SELF;
    (void)event(EVTCHNOP_alloc_unbound, a);
    return {Port{a.port}, Port{bound_to(a.port)}};
}

inline void mask(std::uint32_t port, bool on) {
    constexpr std::uint32_t bits = 8 * sizeof(xen_ulong_t);
    auto& word = shared().evtchn_mask[port / bits];
    const auto bit = static_cast<xen_ulong_t>(xen_ulong_t{1} << (port % bits));
    word = on ? word | bit : word & static_cast<xen_ulong_t>(~bit);
}
inline bool masked(std::uint32_t port) {
    constexpr std::uint32_t bits = 8 * sizeof(xen_ulong_t);
    return ((shared().evtchn_mask[port / bits] >> (port % bits)) & 1) != 0;
}

} // namespace bulkhead::conformance
