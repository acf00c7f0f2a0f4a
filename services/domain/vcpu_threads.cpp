// SPDX-License-Identifier: Apache-2.0
// Makes the further threads of a monitor; see the header.
#include "vcpu_threads.hpp"

#include <bulkhead/all_of.hpp>

namespace bulkhead::domain {
namespace {

constexpr Rights both = Rights::read | Rights::write;

} // namespace

Status make_vcpu_thread(const SpawnPlan& plan, const Spawned& monitor, const VcpuThread& made, CpuId cpu,
                        Selector fault_events) {
    const std::uint32_t n = made.vcpu;
    const Selector space = monitor.address_space;
    const UserVirt stack_top = layout::of_thread(layout::stack_top, n);
    return all_of(
        [&] { return sys::retype(plan.untyped, ObjectType::thread, 0, made.thread); },
        [&] { return sys::retype(plan.untyped, ObjectType::event_set, 0, made.events); },
        [&] { return sys::retype(plan.untyped, ObjectType::region, layout::stack_bytes, made.stack); },
        [&] { return sys::map(made.thread, space, layout::of_thread(layout::utcb_address, n).value, both); },
        [&] { return sys::map(made.events, space, layout::of_thread(layout::event_page_address, n).value, both); },
        [&] { return sys::map(made.stack, space, stack_top.value - layout::stack_bytes, both); },
        [&] {
            return sys::thread_configure(made.thread, monitor.cap_space, space, UserVirt{plan.image.entry()}, stack_top,
                                         n);
        },
        [&] {
            return sys::thread_schedule(made.thread, plan.cpu_time, cpu, plan.priority, plan.budget_us, plan.period_us);
        },
        [&] { return sys::thread_bind_events(made.thread, made.events); },
        [&] { return sys::thread_bind_fault(made.thread, fault_events); },
        [&] { return sys::remove(fault_events); }); // the thread remembers the bit
}

Status connect_vcpu_thread(const SpawnPlan& plan, const Spawned& monitor, const VcpuThread& made) {
    const std::uint32_t n = made.vcpu;
    const auto give = [&](Selector first, Selector set) {
        return sys::mint_badge(monitor.cap_space, Selector{first.value + n}, set, both, 0);
    };
    return all_of([&] { return sys::retype(plan.untyped, ObjectType::event_set, 0, made.bell); },
                  [&] {
                      return sys::map(made.bell, monitor.address_space,
                                      layout::of_thread(layout::bell_page_address, n).value, both);
                  },
                  [&] { return give(slot::vcpu_events, made.events); },
                  [&] { return give(slot::vcpu_bell, made.bell); });
}

} // namespace bulkhead::domain
