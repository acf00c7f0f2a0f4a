// SPDX-License-Identifier: Apache-2.0
// Every domain's console: takes text out of the rings, fairly, as fast as the line takes it; puts what arrives on the
// line into them, holding back a little for guests that are slow to read.
// It must not know: how a ring's page got mapped, nor the device at the end of the line.
#pragma once

#include <array>

#include "guest_ring.hpp"
#include "line.hpp"

namespace bulkhead::console {

class Consoles {
public:
    /// What a domain may send before it is the next one's turn.
    static constexpr std::uint32_t quantum = 256;
    /// What consoles leave free of the line's queue, for the log.
    static constexpr std::size_t log_reserve = 4096;
    static constexpr std::size_t input_held = 256;

    /// Tells a domain that its ring has changed.
    class Bell {
    public:
        virtual void ring(DomId domain) = 0;

    protected:
        ~Bell() = default;
    };

    Consoles(LineOut& line, Bell& bell) : line_{line}, bell_{bell} {}

    [[nodiscard]] bool add(DomId domain, xencons_interface* page);
    void remove(DomId domain);
    bool has(DomId domain) const { return valid(domain) && domains_[domain.value].present; }

    /// The guest has done something to its ring.
    void serve(DomId domain) {
        if (has(domain)) {
            domains_[domain.value].waiting = true;
        }
    }
    /// Each domain that waits may send a quantum and gets what is held for it.
    void round();
    /// Some wait still, and the line has room for them.
    bool wants_round() const;
    /// Text of that domain that is still in its ring.
    std::uint32_t left(DomId domain) const { return has(domain) ? domains_[domain.value].ring.pending() : 0; }
    /// A byte from the line. Nobody's, or more than can be held: dropped and counted.
    void arrived(DomId domain, std::uint8_t byte);

    std::uint64_t dropped() const { return dropped_; }

private:
    struct Domain {
        bool present{false};
        bool waiting{false};
        GuestRing ring;
        ByteQueue<input_held> held;
    };

    static constexpr bool valid(DomId domain) { return domain.value >= 1 && domain.value <= max_domains; }
    bool line_has_room() const { return line_.room() > log_reserve + LineOut::cost(1); }
    /// True: something was moved.
    bool send(DomId id, Domain& domain);
    static bool deliver(Domain& domain);

    LineOut& line_;
    Bell& bell_;
    std::array<Domain, max_domains + 1> domains_{};
    std::uint32_t next_{1}; ///< whose turn it is
    std::uint64_t dropped_{0};
};

} // namespace bulkhead::console
