// SPDX-License-Identifier: Apache-2.0
// The lifecycle's rules; see the header.
#include "lifecycle.hpp"

#include <iterator>

#include <bulkhead/xen.hpp>

namespace bulkhead::domain {

static_assert(static_cast<unsigned>(EndReason::poweroff) == SHUTDOWN_poweroff);
static_assert(static_cast<unsigned>(EndReason::reboot) == SHUTDOWN_reboot);
static_assert(static_cast<unsigned>(EndReason::suspend) == SHUTDOWN_suspend);
static_assert(static_cast<unsigned>(EndReason::crash) == SHUTDOWN_crash);
static_assert(static_cast<unsigned>(EndReason::watchdog) == SHUTDOWN_watchdog);
static_assert(static_cast<unsigned>(EndReason::soft_reset) == SHUTDOWN_soft_reset);

std::string_view to_string(EndReason reason) {
    constexpr std::string_view names[] = {"poweroff", "reboot",     "suspend",      "crash",
                                          "watchdog", "soft reset", "monitor fault"};
    static_assert(std::size(names) == static_cast<std::size_t>(EndReason::count));
    return reason < EndReason::count ? names[static_cast<std::size_t>(reason)] : "unknown";
}

std::string_view to_string(Action action) {
    constexpr std::string_view names[] = {"destroy", "restart", "preserve"};
    static_assert(std::size(names) == static_cast<std::size_t>(Action::count));
    return action < Action::count ? names[static_cast<std::size_t>(action)] : "unknown";
}

EndReason reason_from_guest(std::uint32_t shutdown_code) {
    return shutdown_code <= SHUTDOWN_MAX ? static_cast<EndReason>(shutdown_code) : EndReason::crash;
}

void Lifecycle::started(std::uint64_t now_ns) {
    state_ = State::running;
    started_at_ns_ = now_ns;
    ++starts_;
}

void Lifecycle::could_not_start() {
    state_ = State::destroyed;
    failed_ = true;
}

// Nothing can resume a suspended domain yet, so to its owner it is off. A soft reset keeps the memory on Xen; here the
// guest gets a fresh start, which is what on_reboot asks for.
Action Lifecycle::action_for(EndReason reason) const {
    switch (reason) {
    case EndReason::poweroff:
    case EndReason::suspend:
        return policy_.on_poweroff;
    case EndReason::reboot:
    case EndReason::soft_reset:
        return policy_.on_reboot;
    case EndReason::crash:
    case EndReason::watchdog:
    case EndReason::monitor_fault:
        return policy_.on_crash;
    case EndReason::count:
        break;
    }
    return Action::destroy;
}

Decision Lifecycle::ended(EndReason reason, std::uint64_t now_ns, bool expected) {
    soon_ends_ = now_ns - started_at_ns_ < soon_ns ? soon_ends_ + 1 : 0;
    failed_ = is_crash(reason) && !expected;
    Decision decision{action_for(reason), false};
    if (decision.action == Action::restart && soon_ends_ >= max_soon_ends) {
        decision = {Action::destroy, true};
        failed_ = true;
    }
    switch (decision.action) {
    case Action::destroy:
        state_ = State::destroyed;
        break;
    case Action::restart:
        state_ = State::waiting;
        break;
    case Action::preserve:
        state_ = State::preserved;
        break;
    case Action::count:
        break;
    }
    return decision;
}

} // namespace bulkhead::domain
