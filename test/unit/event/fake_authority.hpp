// SPDX-License-Identifier: Apache-2.0
// An Authority that remembers what lives in which slot, for tests of the port table.
#pragma once

#include <map>
#include <utility>

#include "port_table.hpp"

namespace bulkhead::event {

class FakeAuthority final : public Authority {
public:
    bool mint(Selector slot, DomId receiver, Port port) override {
        if (fail_after == 0) {
            return false;
        }
        if (fail_after > 0) {
            --fail_after;
        }
        misused = misused || !live.try_emplace(slot.value, receiver.value, port.value).second;
        return true;
    }
    void withdraw(Selector slot) override { misused = misused || live.erase(slot.value) != 1; }

    std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> live; ///< slot -> receiver, port
    bool misused{false};                                                   ///< a full slot filled, an empty one emptied
    int fail_after{-1};                                                    ///< so many mints succeed; -1: all
};

/// All the steps of an operation that has steps: its result.
template <typename F> std::int32_t finish(F&& step_from) {
    std::uint32_t next = 0;
    PortTable::Step step{};
    do {
        step = step_from(next);
        next = step.next;
    } while (step.result == 0 && next != 0);
    return step.result;
}
inline std::int32_t reset(PortTable& table, DomId domain) {
    return finish([&](std::uint32_t from) { return table.reset(domain, from); });
}
inline std::int32_t remove_domain(PortTable& table, DomId domain) {
    return finish([&](std::uint32_t) { return table.remove_domain(domain); });
}

} // namespace bulkhead::event
