// SPDX-License-Identifier: Apache-2.0
// The component that measures the kernel's own operations, each by itself: the kernel starts it in root's place, as the
// first boot module, and nothing else runs. For each row it says on the serial line
//     bench: ROW MIN MEDIAN MAX COUNT
// in ticks of the TSC, from just before the system call to just behind it.
#pragma once

#include <bulkhead/sys.hpp>

#include "guests/bench/samples.hpp"

namespace bulkhead::operations {

inline constexpr std::uint32_t rounds = 1000;
/// Of what takes as long as that many of the others.
inline constexpr std::uint32_t long_rounds = 20;

/// Figures of something that did not work are worth nothing: ends the machine, and says why.
void expect(bool condition, const char* what);
inline void expect_ok(Status status, const char* what) {
    expect(status == Status::ok, what);
}

/// Slots of its own capability space, behind what the kernel put there.
namespace own_slot {
inline constexpr Selector memory{boot_slot::first_untyped}; ///< the largest Untyped: everything is made of it
inline constexpr Selector events{boot_slot::first_free};    ///< nobody waits for them
inline constexpr Selector parent{boot_slot::first_free + 1};
inline constexpr Selector stage2{boot_slot::first_free + 2};
inline constexpr Selector page{boot_slot::first_free + 3};
inline constexpr Selector pages{boot_slot::first_free + 4};
inline constexpr Selector shared{boot_slot::first_free + 5}; ///< what the workers say, and its place in each of them
inline constexpr Selector first_worker{boot_slot::first_free + 16};
inline constexpr std::uint32_t slots_per_worker = 32;
inline constexpr Selector first_derived{1024};
} // namespace own_slot

constexpr Selector derived(std::uint32_t index) {
    return Selector{own_slot::first_derived.value + index};
}
inline bool is_empty(Selector slot_to_see) {
    const Result<CapSummary> found = sys::inspect(slot_to_see);
    return found && found->type == ObjectType::null;
}
/// Makes an object of one's memory.
void make(ObjectType type, std::uint64_t size, Selector destination);

// --- workers: threads that do what is measured with two. They have a priority above the one that measures.

/// component_main's argument. The first task's is the address of its BootInfo page, which is none of these.
enum class Work : std::uint64_t { serve = 1, wait };

/// Two components, each in an address space of its own, and a thread beside one's own.
struct Workers {
    Selector server;      ///< portal: the reply is what the call was
    Selector near_server; ///< the same in this address space
    Selector waiter;      ///< EventSet [write], badged
};
/// `image`: this program's file, for more instances of it.
Workers start_workers(Selector image, std::uint64_t image_bytes);
/// What a worker does.
[[noreturn]] void work(Work what);
/// When the waiter last ran after a signal.
std::uint64_t waiter_ran_at();

// --- rows

struct Timed {
    Status status;
    std::uint64_t ticks;
};
/// Of one system call, and nothing else.
template <typename F> Timed timed(F&& call) {
    const auto start = ticks_now();
    const Status status = call();
    return {status, ticks_now() - start};
}

void measure_calls(const Workers& workers);
void measure_signals(const Workers& workers);
void measure_capabilities();
void measure_mappings();

} // namespace bulkhead::operations
