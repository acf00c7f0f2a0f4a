// SPDX-License-Identifier: Apache-2.0
// What is delivered to the guest on an entry, decided from five facts. Pure.
//
// An interrupt goes in as soon as the guest can take one: by EVENTINJ, or as a virtual interrupt that is due at once.
// Until then a dummy virtual interrupt (V_IRQ) is kept pending behind the VINTR intercept: the exit says that the
// window is open.
#pragma once

#include "vmcb.hpp"

#include <bulkhead/abi/vcpu.hpp>

namespace bulkhead::kernel::svm {

struct EventFacts {
    bool interrupts_on;           ///< RFLAGS.IF
    bool shadow;                  ///< of STI or MOV SS
    VcpuEvent injected;           ///< already in EVENTINJ; 0: nothing
    std::uint32_t pending_vector; ///< VcpuState::pending_vector
    bool virtually;               ///< Features::repeats_injection
};

struct EventPlan {
    VcpuEvent inject{0};      ///< for EVENTINJ
    u64 virtual_interrupt{0}; ///< V_IRQ and V_INTR_VECTOR; 0: none
    bool took_pending{false}; ///< pending_vector is in `inject`
    bool open_window{false};  ///< the VINTR intercept is on
};

inline constexpr std::uint32_t pending_flag = 0x100;

constexpr EventPlan plan_events(const EventFacts& facts) {
    const bool busy = (facts.injected & event_valid) != 0;
    EventPlan plan{.inject = busy ? facts.injected : 0};
    if ((facts.pending_vector & pending_flag) == 0) {
        return plan;
    }
    const auto vector = static_cast<std::uint8_t>(facts.pending_vector);
    if (!facts.interrupts_on || facts.shadow || busy) {
        plan.virtual_interrupt = virtual_interrupt::pending;
        plan.open_window = true;
    } else if (facts.virtually) {
        plan.virtual_interrupt = virtual_interrupt::pending | virtual_interrupt::with(vector);
    } else {
        plan.inject = make_interrupt(vector);
        plan.took_pending = true;
    }
    return plan;
}

/// Whether the interrupt that an entry offered virtually has reached the guest; `cut_off`: the exit's EXITINTINFO.
constexpr bool was_taken(const EventPlan& plan, u64 virtual_interrupt_after, VcpuEvent cut_off) {
    return plan.virtual_interrupt != 0 && !plan.open_window &&
           ((virtual_interrupt_after & virtual_interrupt::pending) == 0 || (cut_off & event_valid) != 0);
}

} // namespace bulkhead::kernel::svm
