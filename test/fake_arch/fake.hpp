// SPDX-License-Identifier: Apache-2.0
// What tests see and set of the fake architecture. Physical addresses are host addresses; time moves only when a test
// says so; leaving the kernel throws.
#pragma once

#include <functional>
#include <vector>

#include "sched/cpu.hpp"

namespace bulkhead::kernel::fake {

/// Thrown by return_to_user.
struct LeftToUser {
    arch::UserFrame* frame;
};
/// Thrown by idle().
struct LeftToIdle {};

struct Machine {
    std::uint32_t current_cpu{0};
    std::uint64_t now{1'000'000};
    bool interrupt_waiting{false};
    std::vector<std::uint64_t> timer{~std::uint64_t{0}, ~std::uint64_t{0}};
    std::vector<std::uint32_t> kicks; ///< CPUs, in order
    std::vector<arch::CpuMask> shootdowns;
    std::vector<HostPhys> roots; ///< loaded, per CPU
    /// What the guest does when it is entered.
    std::function<arch::GuestExit(HostPhys pages, bool flush)> guest;
    std::vector<std::pair<std::uint16_t, std::uint32_t>> port_writes;
    std::vector<std::uint32_t> masked, unmasked;
};
extern Machine machine;

/// A machine with `count` CPUs and nothing on them.
void reset(std::uint32_t count);

} // namespace bulkhead::kernel::fake
