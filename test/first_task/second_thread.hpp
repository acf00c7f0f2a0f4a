// SPDX-License-Identifier: Apache-2.0
// For components that tests start in root's place: another thread of the same program, which serves calls. It must not
// know: what either of them does.
#pragma once

#include <bulkhead/all_of.hpp>
#include <bulkhead/slots.hpp>
#include <bulkhead/sys.hpp>

extern "C" void component_entry(); // crt0

namespace bulkhead {

/// Slots for what a second thread is made of, all empty.
struct SecondThread {
    Selector thread, stack, portal;
};

/// Makes it of `memory` (an Untyped), with stack and UTCB where crt0 expects them of a second thread, and starts it:
/// component_main(argument) on CPU 0. Everything is to be made of a fresh machine, so nothing is undone on an error.
[[nodiscard]] inline Status start_second_thread(Selector memory, const SecondThread& slots, std::uint32_t priority,
                                                std::uint64_t argument) {
    constexpr Rights both = Rights::read | Rights::write;
    constexpr Selector space = slot::address_space;
    constexpr UserVirt stack_top = layout::of_thread(layout::stack_top, 1);
    const auto entry = UserVirt{reinterpret_cast<std::uint64_t>(&component_entry)};
    return all_of(
        [&] { return sys::retype(memory, ObjectType::thread, 0, slots.thread); },
        [&] { return sys::retype(memory, ObjectType::region, layout::stack_bytes, slots.stack); },
        [&] { return sys::retype(memory, ObjectType::portal, 0, slots.portal); },
        [&] { return sys::map(slots.thread, space, layout::of_thread(layout::utcb_address, 1).value, both); },
        [&] { return sys::map(slots.stack, space, stack_top.value - layout::stack_bytes, both); },
        [&] { return sys::thread_configure(slots.thread, slot::cap_space, space, entry, stack_top, argument); },
        [&] { return sys::thread_schedule(slots.thread, Selector{boot_slot::cpu_time}, CpuId{0}, priority, 0, 0); },
        [&] { return sys::portal_bind(slots.portal, slots.thread); }, [&] { return sys::thread_start(slots.thread); });
}

} // namespace bulkhead
