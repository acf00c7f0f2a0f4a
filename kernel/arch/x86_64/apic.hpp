// SPDX-License-Identifier: Apache-2.0
// This CPU's local APIC (APM 2, chapter 16): interrupts between CPUs, acknowledgement, one-shot timer; and the I/O
// APICs.
#pragma once

#include <arch/x86_64/boot/acpi.hpp>
#include <arch/x86_64/cpu_local.hpp>

namespace bulkhead::kernel::arch {

/// Where the registers are mapped (uncached); unused if firmware has switched to x2APIC mode.
void set_local_apic(void* registers);
/// Physical address of the registers, or 0 in x2APIC mode.
std::uint64_t local_apic_address();
/// Enables this CPU's APIC, everything masked; the timer one-shot and off.
void init_local_apic();
std::uint32_t local_apic_id();
/// True if a CPU with that id can be addressed.
bool can_address(std::uint32_t apic_id);
void end_of_interrupt();
void send_interrupt(std::uint32_t apic_id, std::uint32_t vector);
void send_init(std::uint32_t apic_id);
void send_startup(std::uint32_t apic_id, std::uint8_t page);
void send_nmi_to_others();
/// Timer for calibration: starts from the largest count; reads what is left.
void start_timer_count();
std::uint32_t timer_count();
/// Timer ticks per 2^32 TSC ticks.
void set_timer_ratio(std::uint64_t ratio);

/// Masks the old interrupt controllers. Before init_local_apic: a tick that firmware left pending is withdrawn only
/// while the local APIC still listens to them (QEMU otherwise delivers an interrupt that has no vector).
void silence_pics();
/// Takes the I/O APICs, each mapped at `registers[i]`, everything masked.
void init_io_apics(const AcpiFacts& facts, void* const* registers);

/// A device interrupt has arrived and is not acknowledged yet: masks its line. False if it must not go up now.
[[nodiscard]] bool accept_device_interrupt(std::uint32_t gsi);

/// Measures TSC and local APIC timer against the PIT. False: PIT or timer does not count.
[[nodiscard]] bool calibrate();

/// Stops this CPU for ever.
[[noreturn]] void halt();
/// Spins for that many microseconds of the (calibrated) TSC.
void delay_us(std::uint64_t microseconds);

} // namespace bulkhead::kernel::arch
