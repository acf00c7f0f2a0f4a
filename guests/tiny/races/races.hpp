// SPDX-License-Identifier: Apache-2.0
// A guest whose second vCPU changes hypercalls' arguments while the first one makes them. Each place that changes is an
// aligned 4-byte word, so that whoever reads it once has read one of its two values: a result must be that of one such
// reading of each word, and what has happened must agree with it. What a race has shown is counted, or it has shown
// nothing.
#pragma once

#include <cstdint>

#include "guest.hpp"

namespace bulkhead::guest::races {

// --- the second vCPU
void start_second_vcpu();

/// Words that the second vCPU changes. Nothing changes before `start` and after `stop` have returned.
class Race {
public:
    Race();
    ~Race() { stop(); }
    Race(const Race&) = delete;
    Race& operator=(const Race&) = delete;
    /// Of the 4 bytes there.
    void flip(volatile void* place, std::uint32_t first, std::uint32_t second);
    void start();
    void stop();

private:
    std::uint32_t count_{0};
};
/// How often all words have been written.
std::uint32_t rounds();

// --- what is counted and found
void check(bool good, const char* what, std::int64_t value = 0);
bool all_good();

/// A race of many calls: that words changed during some of them, and that each reading was seen.
class Tally {
public:
    explicit Tally(const char* name) : name_{name} {}
    template <typename F> std::int64_t call(F&& hypercall) {
        const std::uint32_t before = rounds();
        const std::int64_t result = hypercall();
        ++calls_;
        raced_ += rounds() != before ? 1u : 0u;
        return result;
    }
    void saw(bool second) { ++readings_[second ? 1 : 0]; }
    /// Says it, and that it was enough.
    void end(std::uint32_t least_raced = 5, std::uint32_t least_readings = 5) const;

private:
    const char* name_;
    std::uint32_t calls_{0}, raced_{0};
    std::uint32_t readings_[2]{};
};

// --- pages
inline constexpr std::uint64_t page_bytes = 4096;
/// The page's first word, by an instruction that a monitor understands where nothing is.
std::uint32_t first_word(std::uint64_t gfn);
bool is_hole(std::uint64_t gfn);

/// Sleeps for a moment.
void nap();

// --- the races
void race_reservations();
void race_copies();
void race_mappings();
void race_multicalls();
void race_ports();
void race_starts();
inline constexpr std::uint32_t first_start = 2, last_start = 31; ///< the vCPUs that race_starts starts

} // namespace bulkhead::guest::races
