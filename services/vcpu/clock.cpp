// SPDX-License-Identifier: Apache-2.0
// System time from the time-stamp counter, without floating point and without losing a bit to overflow.
// It must not know: timers, guest memory.
#include "clock.hpp"

namespace bulkhead::vcpu {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t never = ~std::uint64_t{0};
constexpr std::uint64_t ns_per_ms = 1'000'000;

/// high:low / divisor, rounded up; `never` if it does not fit. (A 128-bit division would call libgcc.)
std::uint64_t divide_up(std::uint64_t high, std::uint64_t low, std::uint64_t divisor) {
    if (high >= divisor) {
        return never;
    }
    std::uint64_t quotient = low;
    std::uint64_t remainder = high;
    asm("divq %2" : "+a"(quotient), "+d"(remainder) : "r"(divisor) : "cc");
    return remainder != 0 && quotient != never ? quotient + 1 : quotient;
}

void store_version(std::uint32_t& version, std::uint32_t value) {
    __atomic_store_n(&version, value, __ATOMIC_RELEASE);
    asm volatile("" ::: "memory");
}

} // namespace

TimeScale TimeScale::of_khz(std::uint64_t khz) {
    std::uint64_t numerator = ns_per_ms;
    std::uint64_t denominator = khz == 0 ? 1 : khz;
    std::int8_t shift = 0;
    while (numerator >= denominator) { // fewer than one tick per nanosecond
        denominator <<= 1;
        ++shift;
    }
    while (numerator * 2 < denominator) {
        numerator <<= 1;
        --shift;
    }
    return {static_cast<std::uint32_t>((numerator << 32) / denominator), shift};
}

std::uint64_t TimeScale::ns(std::uint64_t ticks) const {
    // Shifts left are done behind the multiplication, which loses nothing, in halves: a shift of 128 bits costs more.
    const int left = shift > 0 ? shift : 0;
    const Wide product = Wide{shift < 0 ? ticks >> -shift : ticks} * mul;
    return static_cast<std::uint64_t>(product >> 64) << (32 + left) |
           static_cast<std::uint64_t>(product) >> (32 - left);
}

std::uint64_t TimeScale::ticks(std::uint64_t ns_wanted) const {
    const std::uint64_t shifted = divide_up(ns_wanted >> 32, ns_wanted << 32, mul);
    if (shifted == never) {
        return never;
    }
    if (shift >= 0) {
        const std::uint64_t round_up = (std::uint64_t{1} << shift) - 1;
        return (shifted >> shift) + ((shifted & round_up) != 0 ? 1 : 0);
    }
    return shifted > (never >> -shift) ? never : shifted << -shift;
}

Tsc Clock::when(std::uint64_t system_time_ns) const {
    const std::uint64_t delta = scale_.ticks(system_time_ns);
    return Tsc{delta > never - boot_.value ? never : boot_.value + delta};
}

void Clock::publish(vcpu_time_info& time) const {
    const std::uint32_t version = __atomic_load_n(&time.version, __ATOMIC_RELAXED) & ~1u;
    store_version(time.version, version + 1);
    time.tsc_timestamp = boot_.value;
    time.system_time = 0;
    time.tsc_to_system_mul = scale_.mul;
    time.tsc_shift = scale_.shift;
    time.flags = 0; // nobody promises that counters of several CPUs agree to the tick
    store_version(time.version, version + 2);
}

} // namespace bulkhead::vcpu
