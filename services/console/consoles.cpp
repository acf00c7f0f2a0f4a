// SPDX-License-Identifier: Apache-2.0
// Rounds over the domains' consoles.
#include "consoles.hpp"

namespace bulkhead::console {

bool Consoles::add(DomId domain, xencons_interface* page) {
    if (!valid(domain) || has(domain)) {
        return false;
    }
    domains_[domain.value] = {};
    domains_[domain.value].present = true;
    domains_[domain.value].ring = GuestRing{page};
    serve(domain); // it may have written before anybody listened
    return true;
}

void Consoles::remove(DomId domain) {
    if (has(domain)) {
        domains_[domain.value] = {};
    }
}

bool Consoles::send(DomId id, Domain& domain) {
    if (!line_has_room()) {
        return false; // the guest waits; the next round is when the line has taken something
    }
    std::uint8_t text[quantum];
    const std::uint32_t found = domain.ring.peek(text);
    const auto stream = Stream{static_cast<std::uint8_t>(id.value)};
    const std::size_t sent = line_.write(stream, std::span<const std::uint8_t>{text, found}, log_reserve);
    if (sent != 0) {
        domain.ring.take(static_cast<std::uint32_t>(sent));
    }
    return sent != 0;
}

bool Consoles::deliver(Domain& domain) {
    bool moved = false;
    for (std::uint32_t room = domain.ring.input_room(); room != 0 && !domain.held.empty(); --room) {
        domain.ring.put(domain.held.pop());
        moved = true;
    }
    if (moved) {
        domain.ring.publish_input();
    }
    return moved;
}

void Consoles::round() {
    const std::uint32_t first = next_;
    for (std::uint32_t i = 0; i < max_domains; ++i) {
        const std::uint32_t d = 1 + (first - 1 + i) % max_domains;
        const DomId id{static_cast<std::uint16_t>(d)};
        Domain& domain = domains_[d];
        if (!domain.waiting) {
            continue;
        }
        // No turn was lost for want of room: who was not served is first in the next round.
        if (line_has_room()) {
            next_ = 1 + d % max_domains;
        }
        const bool delivered = deliver(domain);
        const bool sent = send(id, domain);
        domain.waiting = domain.ring.pending() != 0;
        if (delivered || sent) {
            bell_.ring(id);
        }
    }
}

bool Consoles::wants_round() const {
    bool waiting = false;
    for (const Domain& domain : domains_) {
        waiting = waiting || domain.waiting;
    }
    return waiting && line_has_room();
}

void Consoles::arrived(DomId domain, std::uint8_t byte) {
    if (!has(domain) || !domains_[domain.value].held.push(byte)) {
        ++dropped_;
        return;
    }
    serve(domain);
}

} // namespace bulkhead::console
