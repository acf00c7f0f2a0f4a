// SPDX-License-Identifier: Apache-2.0
#include "object/interrupts.hpp"

#include "object/control.hpp"
#include "sched/cpu.hpp"

namespace bulkhead::kernel::interrupts {

namespace {

/// One line of an interrupt controller; the table's size is the hardware's.
struct Line {
    Ref<EventSet> set;
    std::uint32_t bit{0};
};

constinit Line lines[max_interrupts];

} // namespace

Status bind(std::uint32_t gsi, EventSet& set, std::uint32_t bit, bool level, bool active_low) {
    if (gsi >= max_interrupts) {
        return Status::not_supported;
    }
    if (!arch::interrupt_route(gsi, CpuId{0}, level, active_low)) {
        return Status::not_supported;
    }
    lines[gsi].set.set(&set);
    lines[gsi].bit = bit;
    arch::interrupt_mask(gsi, false);
    return Status::ok;
}

Status acknowledge(std::uint32_t gsi) {
    if (gsi >= max_interrupts || !lines[gsi].set) {
        return Status::bad_argument;
    }
    arch::interrupt_mask(gsi, false);
    return Status::ok;
}

void deliver(std::uint32_t gsi) {
    if (gsi >= max_interrupts) {
        return;
    }
    if (EventSet* const set = lines[gsi].set.get()) {
        signal(*set, lines[gsi].bit);
    }
}

} // namespace bulkhead::kernel::interrupts
