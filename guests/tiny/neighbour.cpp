// SPDX-License-Identifier: Apache-2.0
// What a guest gets beside others: its share of the CPU, counted in instructions per tick of the TSC (exact where one
// tick is one instruction, QEMU -icount shift=0), whether its runstate says the same, and how late its timers are.
// Command line: ms=N (of work), timers=N, min_share=PERCENT, max_late=MICROSECONDS.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t loops = 50'000;

/// Exactly two instructions per loop.
void work() {
    auto count = loops;
    asm volatile("1: decq %0; jnz 1b" : "+r"(count) : : "cc");
}

/// The hypervisor keeps it; its times are those up to its entry time (public/vcpu.h).
vcpu_runstate_info runstate_area;

vcpu_runstate_info read_runstate() {
    vcpu_runstate_info now{};
    (void)vcpu_op(VCPUOP_get_runstate_info, 0, &now);
    return now;
}

std::uint64_t sum_of(const vcpu_runstate_info& info) {
    std::uint64_t sum = 0;
    for (const std::uint64_t time : info.time) {
        sum += time;
    }
    return sum;
}

/// In percent.
struct Share {
    std::uint64_t counted;           ///< by instructions
    std::uint64_t running, runnable; ///< by the runstate
    bool area_was_current;           ///< without a hypercall that would have brought it up to date
};

Share measure_share(std::uint64_t duration) {
    constexpr std::uint64_t latest_turn = 50'000'000;
    vcpu_set_periodic_timer tick{10'000'000}; // as an operating system has one
    (void)vcpu_op(VCPUOP_set_periodic_timer, 0, &tick);
    const vcpu_runstate_info before = read_runstate();
    const auto end = system_time() + duration;
    const auto start_tick = rdtsc();
    std::uint64_t done = 0;
    do {
        work();
        done += 2 * loops;
    } while (system_time() < end);
    const auto counted = done * 100 / (rdtsc() - start_tick);
    const vcpu_runstate_info area = runstate_area;
    const vcpu_runstate_info after = read_runstate();
    (void)vcpu_op(VCPUOP_stop_periodic_timer, 0);
    wait_for_event(timer_port()); // its last one
    const auto percent = [&](int state) { return (after.time[state] - before.time[state]) * 100 / duration; };
    return {counted, percent(RUNSTATE_running), percent(RUNSTATE_runnable),
            area.state == RUNSTATE_running && sum_of(after) - sum_of(area) < latest_turn};
}

/// A busy vCPU runs or waits for its CPU; and what it runs is its own work, but for a few percent of entries and exits.
bool agrees(const Share& share) {
    constexpr std::uint64_t tolerance = 3;
    const auto sum = share.running + share.runnable;
    return share.running + 1 >= share.counted && share.running <= share.counted + tolerance && sum >= 98 && sum <= 102;
}

struct Lateness {
    std::uint64_t mean, max;
};

Lateness measure_timers(std::uint64_t count) {
    Lateness result{0, 0};
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto due = system_time() + 1'000'000;
        (void)set_timer(due);
        wait_for_event(timer_port());
        const auto late = (system_time() - due) / 1'000;
        result.mean += late;
        result.max = late > result.max ? late : result.max;
    }
    result.mean = count != 0 ? result.mean / count : 0;
    return result;
}

} // namespace

void guest_main() {
    console_write(Line{} << "neighbour: working\n");
    vcpu_register_runstate_memory_area place{};
    place.addr.p = reinterpret_cast<std::uintptr_t>(&runstate_area);
    const bool registered = vcpu_op(VCPUOP_register_runstate_memory_area, 0, &place) == 0;
    const auto share = measure_share(number_of("ms", 500) * 1'000'000);
    const bool told = registered && agrees(share) && share.area_was_current;
    const auto late = measure_timers(number_of("timers", 20));
    console_write(Line{} << "neighbour: share " << share.counted << " percent; " << share.running << " running, "
                         << share.runnable << " runnable by its runstate" << (told ? "\n" : ": WRONG\n"));
    console_write(Line{} << "neighbour: timers late by " << late.mean << " us (mean), " << late.max << " us (most)\n");
    const bool fair =
        told && share.counted >= number_of("min_share", 0) && late.max <= number_of("max_late", 1'000'000);
    console_write(Line{} << "neighbour: " << (fair ? "PASS" : "FAIL") << '\n');
}

} // namespace bulkhead::guest
