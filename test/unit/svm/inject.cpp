// SPDX-License-Identifier: Apache-2.0
// Injection, exhaustively over interrupt flag, shadow, injected event, pending vector and window.
// REQ-SVM-003
#include "arch/x86_64/svm/inject.hpp"

#include <catch2/catch.hpp>

namespace bulkhead::kernel::svm {
namespace {

constexpr u64 pending_bit = virtual_interrupt::pending;

TEST_CASE("what an entry delivers", "[svm][inject]") {
    const VcpuEvent events[] = {0, make_exception(6), make_exception(14, 2), make_interrupt(0x30),
                                make_exception(6) & ~event_valid};
    for (unsigned bits = 0; bits < 8; ++bits) {
        for (const VcpuEvent injected : events) {
            for (const std::uint32_t pending : {0u, 0x20u, 0x1f3u, 0xdead'0100u}) {
                const bool on = (bits & 1) != 0;
                const bool shadow = (bits & 2) != 0;
                const bool virtually = (bits & 4) != 0;
                const EventPlan plan = plan_events({on, shadow, injected, pending, virtually});
                const bool busy = (injected & event_valid) != 0;
                const bool waits = (pending & 0x100) != 0;
                const bool can_take = on && !shadow && !busy;
                const auto vector = static_cast<std::uint8_t>(pending);

                // What was to be injected is, whatever else waits.
                if (busy) {
                    REQUIRE(plan.inject == injected);
                }
                // A pending vector goes in exactly when the guest can take it, with its own number, one way.
                REQUIRE(plan.took_pending == (waits && can_take && !virtually));
                if (plan.took_pending) {
                    REQUIRE(plan.inject == make_interrupt(vector));
                    REQUIRE(plan.virtual_interrupt == 0);
                }
                REQUIRE(((plan.inject & event_valid) != 0) == (busy || plan.took_pending));
                if (waits && can_take && virtually) {
                    REQUIRE(plan.virtual_interrupt == (pending_bit | (u64{vector} << 32)));
                    REQUIRE_FALSE(plan.open_window);
                }
                // Otherwise its window is asked for: it is never forgotten. A dummy never goes in.
                REQUIRE(plan.open_window == (waits && !can_take));
                if (plan.open_window) {
                    REQUIRE(plan.virtual_interrupt == pending_bit);
                }
                REQUIRE((waits || plan.virtual_interrupt == 0));
            }
        }
    }
}

TEST_CASE("a virtual interrupt was taken when its bit is gone, or its delivery was cut off", "[svm][inject]") {
    const EventPlan offered = plan_events({true, false, 0, 0x1f3, true});
    CHECK(was_taken(offered, 0, 0));
    CHECK_FALSE(was_taken(offered, pending_bit, 0));
    CHECK(was_taken(offered, pending_bit, make_interrupt(0xf3)));
    CHECK_FALSE(was_taken(offered, pending_bit, make_interrupt(0xf3) & ~event_valid));
    const EventPlan window = plan_events({false, false, 0, 0x1f3, true});
    CHECK_FALSE(was_taken(window, 0, 0));
    CHECK_FALSE(was_taken(plan_events({true, false, 0, 0, true}), 0, 0));
}

} // namespace
} // namespace bulkhead::kernel::svm
