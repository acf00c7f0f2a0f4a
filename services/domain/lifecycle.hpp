// SPDX-License-Identifier: Apache-2.0
// What happens to a domain over its life, as a state machine without side effects: when it may start, what its end
// means, and whether it has ended for good. It must not know: capabilities, messages, or how a domain is built.
#pragma once

#include <cstdint>
#include <string_view>

namespace bulkhead::domain {

enum class State : std::uint8_t {
    waiting, ///< to be built
    running,
    preserved, ///< ended; kept, stopped, for whoever looks at it
    destroyed, ///< ended; its memory is given back
};

/// Why a domain stopped. The first six are what guests say (SHUTDOWN_* of public/sched.h).
enum class EndReason : std::uint8_t { poweroff, reboot, suspend, crash, watchdog, soft_reset, monitor_fault, count };
std::string_view to_string(EndReason reason);
/// A guest's number; what public/sched.h does not define counts as a crash.
EndReason reason_from_guest(std::uint32_t shutdown_code);

enum class Action : std::uint8_t { destroy, restart, preserve, count };
std::string_view to_string(Action action);

struct Policy {
    Action on_poweroff{Action::destroy};
    Action on_reboot{Action::restart};
    Action on_crash{Action::destroy};
};

struct Decision {
    Action action{Action::destroy};
    bool gave_up{false}; ///< the policy said restart, but the domain ended too soon too often
};

class Lifecycle {
public:
    /// A domain that ends within `soon_ns` of its start, `max_soon_ends` times in a row, is not started again: a kernel
    /// that dies at once would keep this component busy for ever.
    static constexpr std::uint64_t soon_ns = 1'000'000'000;
    static constexpr std::uint32_t max_soon_ends = 5;

    Lifecycle() = default;
    explicit Lifecycle(const Policy& policy) : policy_{policy} {}

    State state() const { return state_; }
    /// True when nothing will make this domain run again.
    bool over() const { return state_ == State::preserved || state_ == State::destroyed; }
    /// True when it is over and its last end was one that an operator wants to hear about.
    bool failed() const { return over() && failed_; }
    /// How often it has been started.
    std::uint32_t starts() const { return starts_; }

    /// It was built and its monitor runs.
    void started(std::uint64_t now_ns);
    /// It could not be built: it is over, whatever the policy.
    void could_not_start();
    /// A running domain has stopped (for callers: only when state() is running). `expected`: the end was arranged by a
    /// test and is no failure. The state is then what the action says; after a restart it is `waiting`.
    Decision ended(EndReason reason, std::uint64_t now_ns, bool expected);

private:
    Action action_for(EndReason reason) const;

    Policy policy_{};
    State state_{State::waiting};
    std::uint64_t started_at_ns_{0};
    std::uint32_t starts_{0};
    std::uint32_t soon_ends_{0};
    bool failed_{false};
};

/// Whether an end of this kind is a failure of the domain.
constexpr bool is_crash(EndReason reason) {
    return reason == EndReason::crash || reason == EndReason::watchdog || reason == EndReason::monitor_fault;
}

} // namespace bulkhead::domain
