// SPDX-License-Identifier: Apache-2.0
// Injection, exhaustively over interrupt flag, shadow, injected event, pending vector and window.
// REQ-SVM-003
#include "arch/x86_64/svm/inject.hpp"

#include <catch2/catch.hpp>

namespace bulkhead::kernel::svm {
namespace {

TEST_CASE("what an entry delivers", "[svm][inject]") {
    const VcpuEvent events[] = {0, make_exception(6), make_exception(14, 2), make_interrupt(0x30),
                                make_exception(6) & ~event_valid};
    unsigned reported = 0;
    for (unsigned bits = 0; bits < 8; ++bits) {
        for (const VcpuEvent injected : events) {
            for (const std::uint32_t pending : {0u, 0x20u, 0x1f3u, 0xdead'0100u}) {
                const bool on = (bits & 1) != 0;
                const bool shadow = (bits & 2) != 0;
                const bool want = (bits & 4) != 0;
                const EventPlan plan = plan_events({on, shadow, injected, pending, want});
                const bool busy = (injected & event_valid) != 0;
                const bool waits = (pending & 0x100) != 0;
                const bool can_take = on && !shadow && !busy;

                // What was to be injected is, whatever else waits.
                if (busy) {
                    REQUIRE(plan.inject == injected);
                }
                // A pending vector goes in exactly when the guest can take it, with its own number.
                REQUIRE(plan.took_pending == (waits && can_take));
                if (plan.took_pending) {
                    REQUIRE(plan.inject == make_interrupt(static_cast<std::uint8_t>(pending)));
                }
                REQUIRE(((plan.inject & event_valid) != 0) == (busy || plan.took_pending));
                // Otherwise its window is asked for: it is never forgotten.
                if (waits && !plan.took_pending) {
                    REQUIRE(plan.open_window);
                }
                // The monitor learns of its window at once, or when it opens; never both, never for nothing.
                REQUIRE((!plan.report_window || (want && can_take && !plan.took_pending)));
                REQUIRE((!want || plan.report_window != plan.open_window));
                REQUIRE((want || waits || !plan.open_window));
                if (plan.report_window) {
                    REQUIRE(plan.inject == 0);
                    ++reported;
                }
            }
        }
    }
    CHECK(reported > 0);
}

} // namespace
} // namespace bulkhead::kernel::svm
