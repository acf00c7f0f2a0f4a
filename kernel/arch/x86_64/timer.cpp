// SPDX-License-Identifier: Apache-2.0
// Time: the TSC, and how fast it and the local APIC timer run, measured once against the PIT.
#include <arch/x86_64/apic.hpp>
#include <arch/x86_64/registers.hpp>

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint64_t pit_hz = 1'193'182;
constexpr std::uint16_t pit_channel2 = 0x42, pit_command = 0x43, gate_port = 0x61;
constexpr std::uint32_t measured_counts = 11'932; // 10 ms
constexpr std::uint64_t good_enough = 500;        // doubt below 1/500: port reads take some microseconds
constexpr unsigned max_attempts = 30;
constexpr std::uint64_t useless = ~std::uint64_t{0};
constexpr std::uint8_t output_high = 0x20;

std::uint64_t khz = 0;

std::uint16_t pit_count() {
    out8(pit_command, 0x80); // latch channel 2
    const std::uint8_t low = in8(pit_channel2);
    return static_cast<std::uint16_t>(in8(pit_channel2) << 8 | low);
}

struct Instant {
    std::uint16_t pit;
    std::uint32_t timer;
    std::uint64_t tsc;
    std::uint64_t doubt; ///< TSC ticks by which the readings may be apart
};

/// The moment at which the PIT's count changes: finer than reading it would be. False if it does not.
bool next_tick(Instant& instant) {
    const std::uint16_t start = pit_count();
    std::uint64_t last_seen = read_tsc();
    for (unsigned tries = 0; tries < 100'000; ++tries) {
        const std::uint64_t before = read_tsc();
        instant.pit = pit_count();
        if (instant.pit != start) {
            instant.timer = timer_count();
            instant.tsc = read_tsc();
            instant.doubt = instant.tsc - last_seen;
            return true;
        }
        last_seen = before;
    }
    return false;
}

struct Sample {
    std::uint64_t tsc_khz, timer_ratio, ticks, doubt;
};

bool measure(Sample& sample) {
    out8(gate_port, static_cast<std::uint8_t>((in8(gate_port) & ~2u) | 1u)); // gate on, speaker off
    out8(pit_command, 0xb0); // channel 2, both bytes, counts down once, then raises its output
    out8(pit_channel2, 0xff);
    out8(pit_channel2, 0xff);
    start_timer_count();
    Instant start;
    Instant end;
    if (!next_tick(start)) {
        return false;
    }
    std::uint64_t counts = 0;
    for (unsigned tries = 0; counts < measured_counts; ++tries) {
        for (unsigned i = 0; i < 4000; ++i) {
            asm volatile(""); // port reads are slow, and in an emulator even PAUSE is
        }
        if (tries == 1'000'000 || !next_tick(end)) {
            return false;
        }
        counts = static_cast<std::uint16_t>(start.pit - end.pit);
    }
    sample.ticks = end.tsc - start.tsc;
    const bool wrapped = (in8(gate_port) & output_high) != 0; // stopped for so long that the count means nothing
    sample.doubt = wrapped ? useless : start.doubt + end.doubt;
    sample.tsc_khz = (sample.ticks * pit_hz + counts * 500) / (counts * 1000); // nearest
    sample.timer_ratio = (std::uint64_t{start.timer - end.timer} << 32) / sample.ticks;
    return sample.tsc_khz != 0 && sample.timer_ratio != 0;
}

} // namespace

bool calibrate() {
    Sample best{0, 0, 0, useless};
    // A hypervisor below us, or SMM, may stop this CPU between two readings: then again.
    for (unsigned attempt = 0; attempt < max_attempts && best.doubt > best.ticks / good_enough; ++attempt) {
        Sample sample;
        if (!measure(sample)) {
            return false;
        }
        best = sample.doubt < best.doubt ? sample : best;
    }
    khz = best.tsc_khz;
    set_timer_ratio(best.timer_ratio);
    return khz != 0;
}

std::uint64_t tsc_khz() {
    return khz;
}

void delay_us(std::uint64_t microseconds) {
    const std::uint64_t end = read_tsc() + microseconds * khz / 1000;
    while (read_tsc() < end) {
        pause();
    }
}

} // namespace bulkhead::kernel::arch
