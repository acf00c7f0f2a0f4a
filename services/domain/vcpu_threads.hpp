// SPDX-License-Identifier: Apache-2.0
// The threads of a monitor beyond its first: one for each further vCPU, in the monitor's address space, each with
// stack, UTCB and two event sets (one that wakes it, one for the monitor's lock). It must not know: what they do.
#pragma once

#include <bulkhead/spawn.hpp>

#include "domain_slots.hpp"

namespace bulkhead::domain {

/// Memory of the domain's loan for each thread, at most: thread and two event sets of two pages each, stack, rounding.
inline constexpr std::uint64_t vcpu_thread_bytes = 8 * page_size + layout::stack_bytes;
/// Tables of the monitor's address space for the UTCBs, event pages and stacks of all its threads.
inline constexpr std::uint32_t vcpu_thread_tables =
    static_cast<std::uint32_t>(slot::max_vcpus * layout::thread_stride / large_page_size) + 1;
/// Capabilities in the vault for each vCPU: itself, two event sets, a stack.
inline constexpr std::uint32_t sealed_per_vcpu = 4;

/// What the thread of vCPU n consists of, in the component's slots, on its way to the vault; the thread stays.
struct VcpuThread {
    std::uint32_t vcpu;
    Selector thread; ///< of vCPU 0: the one that `spawn` made
    Selector events; ///< likewise
    Selector bell;
    Selector stack;
};

/// A fault of vCPU n's thread in domain d is this bit of the component's EventSet.
constexpr std::uint32_t fault_bit(DomId domain, std::uint32_t vcpu) {
    return vcpu * 2 * max_domains + domain.value;
}
static_assert(fault_bit(DomId{max_domains}, slot::max_vcpus - 1) < event_bits);
constexpr std::uint32_t domain_of_fault(std::uint32_t bit) {
    return bit % (2 * max_domains);
}
constexpr std::uint32_t vcpu_of_fault(std::uint32_t bit) {
    return bit / (2 * max_domains);
}

/// Makes thread, event sets and stack of a further vCPU from the plan's Untyped; it does not run yet.
/// `fault_events`: an EventSet capability, badged, whose slot is free again afterwards.
[[nodiscard]] Status make_vcpu_thread(const SpawnPlan& plan, const Spawned& monitor, const VcpuThread& made, CpuId cpu,
                                      Selector fault_events);
/// Makes the bell of a thread, maps it, and gives the monitor the means to wake that thread and to ring its bell.
[[nodiscard]] Status connect_vcpu_thread(const SpawnPlan& plan, const Spawned& monitor, const VcpuThread& made);

} // namespace bulkhead::domain
