// SPDX-License-Identifier: Apache-2.0
// What a guest gets beside others: its share of the CPU, counted in instructions per tick of the TSC (exact where one
// tick is one instruction, QEMU -icount shift=0), and how late its timers are. Command line: ms=N (of work), timers=N,
// min_share=PERCENT, max_late=MICROSECONDS.
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

std::uint64_t measure_share(std::uint64_t duration) {
    const auto end = system_time() + duration;
    const auto start_tick = rdtsc();
    std::uint64_t done = 0;
    do {
        work();
        done += 2 * loops;
    } while (system_time() < end);
    return done * 100 / (rdtsc() - start_tick);
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
    const auto share = measure_share(number_of("ms", 500) * 1'000'000);
    const auto late = measure_timers(number_of("timers", 20));
    console_write(Line{} << "neighbour: share " << share << " percent\n");
    console_write(Line{} << "neighbour: timers late by " << late.mean << " us (mean), " << late.max << " us (most)\n");
    const bool fair = share >= number_of("min_share", 0) && late.max <= number_of("max_late", 1'000'000);
    console_write(Line{} << "neighbour: " << (fair ? "PASS" : "FAIL") << '\n');
}

} // namespace bulkhead::guest
