// SPDX-License-Identifier: Apache-2.0
// What is delivered to the guest on an entry, decided from five facts. Pure.
//
// An interrupt goes in by EVENTINJ as soon as the guest can take one. Until then a dummy virtual interrupt (V_IRQ) is
// kept pending behind the VINTR intercept: the exit says that the window is open. (V_IRQ never delivers anything
// itself.)
#pragma once

#include <bulkhead/abi/vcpu.hpp>

#include <cstdint>

namespace bulkhead::kernel::svm {

struct EventFacts {
    bool interrupts_on;           ///< RFLAGS.IF
    bool shadow;                  ///< of STI or MOV SS
    VcpuEvent injected;           ///< already in EVENTINJ; 0: nothing
    std::uint32_t pending_vector; ///< VcpuState::pending_vector
    bool want_window;
};

struct EventPlan {
    VcpuEvent inject{0};       ///< for EVENTINJ
    bool took_pending{false};  ///< pending_vector is in `inject`
    bool open_window{false};   ///< V_IRQ and the VINTR intercept are on
    bool report_window{false}; ///< do not enter: the monitor waits for just this moment
};

inline constexpr std::uint32_t pending_flag = 0x100;

constexpr EventPlan plan_events(const EventFacts& facts) {
    const bool pending = (facts.pending_vector & pending_flag) != 0;
    const bool busy = (facts.injected & event_valid) != 0;
    const bool can_take = facts.interrupts_on && !facts.shadow && !busy;
    EventPlan plan{.inject = busy ? facts.injected : 0};
    if (can_take && pending) {
        plan.inject = make_interrupt(static_cast<std::uint8_t>(facts.pending_vector));
        plan.took_pending = true;
    }
    plan.report_window = can_take && !pending && facts.want_window;
    plan.open_window = !plan.report_window && ((pending && !plan.took_pending) || facts.want_window);
    return plan;
}

} // namespace bulkhead::kernel::svm
