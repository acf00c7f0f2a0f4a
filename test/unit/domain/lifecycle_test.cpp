// SPDX-License-Identifier: Apache-2.0
// The lifecycle's table: every reason under every policy, the limit on restarts, what counts as over and as failed.
// REQ-DOMAIN-001 REQ-DOMAIN-002 REQ-DOMAIN-003
#include <catch2/catch.hpp>

#include "lifecycle.hpp"

using namespace bulkhead::domain;

namespace {
constexpr std::uint64_t second = 1'000'000'000;

State state_after(Action action) {
    return action == Action::destroy    ? State::destroyed
           : action == Action::preserve ? State::preserved
                                        : State::waiting;
}
} // namespace

TEST_CASE("each end leads to the action that its policy names", "[domain][lifecycle]") {
    const Action poweroff = GENERATE(Action::destroy, Action::restart, Action::preserve);
    const Action reboot = GENERATE(Action::destroy, Action::restart, Action::preserve);
    const Action crash = GENERATE(Action::destroy, Action::restart, Action::preserve);
    const struct {
        EndReason reason;
        Action action;
        bool failure;
    } rows[] = {
        {EndReason::poweroff, poweroff, false},  {EndReason::suspend, poweroff, false},
        {EndReason::reboot, reboot, false},      {EndReason::soft_reset, reboot, false},
        {EndReason::crash, crash, true},         {EndReason::watchdog, crash, true},
        {EndReason::monitor_fault, crash, true},
    };
    for (const auto& row : rows) {
        Lifecycle life{Policy{poweroff, reboot, crash}};
        REQUIRE(life.state() == State::waiting);
        life.started(0);
        REQUIRE(life.state() == State::running);
        const Decision decision = life.ended(row.reason, 10 * second, false);
        CHECK(decision.action == row.action);
        CHECK_FALSE(decision.gave_up);
        CHECK(life.state() == state_after(row.action));
        CHECK(life.over() == (row.action != Action::restart));
        CHECK(life.failed() == (row.failure && row.action != Action::restart));
    }
}

TEST_CASE("an expected crash is no failure", "[domain][lifecycle]") {
    Lifecycle life{Policy{}};
    life.started(0);
    CHECK(life.ended(EndReason::monitor_fault, 10 * second, true).action == Action::destroy);
    CHECK(life.over());
    CHECK_FALSE(life.failed());
}

TEST_CASE("a domain that ends at once five times is given up", "[domain][lifecycle]") {
    const EndReason reason = GENERATE(EndReason::crash, EndReason::reboot);
    Lifecycle life{Policy{Action::destroy, Action::restart, Action::restart}};
    std::uint64_t now = 5 * second;
    for (std::uint32_t i = 1; i < Lifecycle::max_soon_ends; ++i) {
        life.started(now);
        now += second - 1;
        CHECK(life.ended(reason, now, false).action == Action::restart);
        CHECK_FALSE(life.over());
    }
    life.started(now);
    const Decision last = life.ended(reason, now + second - 1, false);
    CHECK(last.action == Action::destroy);
    CHECK(last.gave_up);
    CHECK(life.over());
    CHECK(life.failed());
    CHECK(life.starts() == Lifecycle::max_soon_ends);
}

TEST_CASE("one long life clears the count of short ones", "[domain][lifecycle]") {
    Lifecycle life{Policy{Action::destroy, Action::restart, Action::restart}};
    for (int i = 0; i < 20; ++i) {
        life.started(0);
        const std::uint64_t length = i % 4 == 3 ? second : 1;
        REQUIRE(life.ended(EndReason::crash, length, false).action == Action::restart);
    }
}

TEST_CASE("a domain that cannot be built is over and failed", "[domain][lifecycle]") {
    Lifecycle life{Policy{Action::destroy, Action::restart, Action::restart}};
    life.could_not_start();
    CHECK(life.over());
    CHECK(life.failed());
}

TEST_CASE("a guest's reasons are those of public/sched.h, others count as a crash", "[domain][lifecycle]") {
    CHECK(reason_from_guest(0) == EndReason::poweroff);
    CHECK(reason_from_guest(1) == EndReason::reboot);
    CHECK(reason_from_guest(3) == EndReason::crash);
    CHECK(reason_from_guest(5) == EndReason::soft_reset);
    CHECK(reason_from_guest(6) == EndReason::crash);
    CHECK(reason_from_guest(0xffff'ffff) == EndReason::crash);
    CHECK(to_string(EndReason::watchdog) == "watchdog");
    CHECK(to_string(Action::preserve) == "preserve");
}
