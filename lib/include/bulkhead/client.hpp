// SPDX-License-Identifier: Apache-2.0
// Who is asking, as a portal's badge says it, and a count of those who asked for what they may not.
// It must not know: which requests there are.
#pragma once

#include <cstdint>

#include <bulkhead/slots.hpp>

namespace bulkhead {

/// The domain whose monitor that is; 0 for anybody else.
constexpr DomId monitored_domain(ClientId who) {
    constexpr auto first = static_cast<std::uint64_t>(ClientId::first_domain);
    const auto badge = static_cast<std::uint64_t>(who);
    return badge > first && badge <= first + max_domains ? DomId{static_cast<std::uint16_t>(badge - first)} : DomId{};
}
constexpr ClientId monitor_of(DomId domain) {
    return static_cast<ClientId>(static_cast<std::uint64_t>(ClientId::first_domain) + domain.value);
}

/// Counts refusals. `add` says when one is worth a line in the log: ever more rarely, so that nobody fills the log by
/// asking.
class RefusalCounter {
public:
    bool add() {
        ++count_;
        return (count_ & (count_ - 1)) == 0;
    }
    std::uint64_t count() const { return count_; }

private:
    std::uint64_t count_{0};
};

} // namespace bulkhead
