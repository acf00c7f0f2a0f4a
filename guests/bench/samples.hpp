// SPDX-License-Identifier: Apache-2.0
// Samples of one row at a time, in ticks of the TSC: collected by the benchmark guest, and by the component that
// measures the kernel's own operations. It must not know: what is measured, nor where figures go.
#pragma once

#include <cstdint>

namespace bulkhead {

inline constexpr std::uint32_t max_samples = 1000;

struct Figures {
    std::uint64_t least, median, largest;
    std::uint32_t count;
};

/// All share the memory: one at a time.
class Samples {
public:
    Samples();
    /// What reading the counter costs by itself is taken off. Never inlined: whoever profiles from outside counts how
    /// often it is executed.
    [[gnu::noinline]] void add(std::uint64_t ticks);
    bool empty() const { return count_ == 0; }
    /// Of those that there are, one at least.
    Figures figures() const;

private:
    std::uint32_t count_{0};
};

inline std::uint64_t ticks_now() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (std::uint64_t{high} << 32);
}

/// Ticks between two readings of the counter with nothing between them.
std::uint64_t empty_ticks();

// --- of each program its own

/// How often the row is to be measured: `times`; or, when the command line has profile=ROW, that row without end (so
/// that somebody can watch it from outside) and the others not at all.
std::uint32_t rounds_of(const char* row, std::uint32_t times);
/// Says the figures, unless there are none.
void report(const char* row, const Samples& samples);

// ---

/// Measures `once` that many times, after a few that do not count. `once` returns the ticks of one sample.
template <typename F> void sample(const char* row, std::uint32_t times, F&& once) {
    constexpr std::uint32_t warm_up = 8;
    const std::uint32_t rounds = rounds_of(row, times);
    for (std::uint32_t i = 0; rounds != 0 && i < warm_up; ++i) {
        (void)once();
    }
    Samples samples;
    for (std::uint32_t i = 0; i < rounds; ++i) {
        samples.add(once());
    }
    report(row, samples);
}
/// The ticks that `once` takes.
template <typename F> void measure(const char* row, std::uint32_t times, F&& once) {
    sample(row, times, [&] {
        const auto start = ticks_now();
        once();
        return ticks_now() - start;
    });
}

} // namespace bulkhead
