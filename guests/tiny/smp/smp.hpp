// SPDX-License-Identifier: Apache-2.0
// The SMP guest: what its vCPUs share. vCPU 0 tells the others what to do, one step after the other; every step is
// done when all have counted it.
#pragma once

#include <cstdint>

namespace bulkhead::guest::smp {

inline constexpr std::uint32_t max_vcpus = 8;
inline constexpr std::uint32_t additions = 3000; ///< of each vCPU

enum class Job : std::uint32_t {
    wait,      ///< halt until something comes
    add,       ///< under contention
    go_down,   ///< VCPUOP_down of oneself
    halt,      ///< HLT with interrupts off
    use_timer, ///< one timer event of one's own
};

struct State {
    std::uint32_t starts; ///< how often the vCPU has come to smp_main
    Job job;
    std::uint32_t done;               ///< jobs
    std::uint32_t events, ipis, nmis; ///< that arrived
    std::uint64_t ports;              ///< that are the vCPU's, all below 64
};
extern volatile State states[max_vcpus];

/// Leaves the CPU to the others for a moment: a machine that runs one CPU at a time would stand still while one spins.
void pause(std::uint32_t vcpu);

/// Adds under contention: with an atomic instruction, and under a lock.
void add_together(std::uint32_t vcpu);
struct Sums {
    std::uint64_t atomic, locked;
};
Sums sums();

inline constexpr std::uint8_t ipi_vector = 0x60;
inline constexpr std::uint8_t upcall_vector_of_others = 0x50;
/// Handlers of the interrupts that the others get.
void install_handlers();
/// Local APIC on, in x2APIC mode, so that interrupts arrive.
void enable_local_apic();

// --- how vCPUs are started, by vCPU 0; false: something was refused, and said so
void start_by_interrupts(std::uint32_t vcpu);
bool start_in_64_bit_mode(std::uint32_t vcpu);
bool start_in_32_bit_mode(std::uint32_t vcpu);
bool start_in_16_bit_mode(std::uint32_t vcpu);
void send_ipi(std::uint64_t command);

} // namespace bulkhead::guest::smp
