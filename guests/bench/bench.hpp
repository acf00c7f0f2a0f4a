// SPDX-License-Identifier: Apache-2.0
// The benchmark guest: measures operations of whatever hypervisor it runs on and says, for each, on the debug port
//     bench: ROW MIN MEDIAN MAX COUNT
// in ticks of the TSC. Under an emulator that counts instructions one tick is one instruction.
#pragma once

#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest::bench {

inline constexpr std::uint32_t max_samples = 1000;

/// The samples of one row. One row is measured at a time: all share the memory.
class Samples {
public:
    Samples();
    /// What reading the counter costs by itself is taken off.
    void add(std::uint64_t ticks);
    /// Nothing if there are none.
    void report(const char* row);

private:
    std::uint32_t count_{0};
};

/// Ticks between two readings of the counter with nothing between them.
std::uint64_t empty_ticks();

/// How often the row is to be measured: `times`; or, when the command line has profile=ROW, that row without end (so
/// that somebody can watch it from outside) and the others not at all.
std::uint32_t rounds_of(const char* row, std::uint32_t times);

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
    samples.report(row);
}
/// The ticks that `once` takes.
template <typename F> void measure(const char* row, std::uint32_t times, F&& once) {
    sample(row, times, [&] {
        const auto start = rdtsc();
        once();
        return rdtsc() - start;
    });
}

/// A benchmark whose figures are of something that did not work is worth nothing: ends the guest, and says why.
void expect(bool condition, const char* what);
/// The same for what should return 0.
inline void expect_ok(std::int64_t result, const char* what) {
    expect(result == 0, what);
}

template <typename T> std::int64_t event_op(std::uint32_t operation, T& argument) {
    return hypercall(__HYPERVISOR_event_channel_op, operation, argument);
}
template <typename T> std::int64_t grant_op(std::uint32_t operation, T* argument, std::uint32_t count = 1) {
    return hypercall(__HYPERVISOR_grant_table_op, operation, address_of(argument), count);
}

// --- ports that are polled: masked, so that they raise no upcall
std::uint32_t bind_ipi(std::uint32_t vcpu);
void mask(std::uint32_t port);
bool take_pending(std::uint32_t port);
void send(std::uint32_t port);
/// Sleeps until the port is pending, and clears it.
void poll(std::uint32_t port);

// --- the roles, by the command line's run=NAME
void measure_alone();     ///< one vCPU, no other domain needed
void measure_vcpus();     ///< starting vCPUs, interrupts between them
void serve_peer();        ///< offers a port and pages to domain peer=
void measure_with_peer(); ///< measures with the domain that serves

} // namespace bulkhead::guest::bench
