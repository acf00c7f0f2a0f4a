// SPDX-License-Identifier: Apache-2.0
// The system time that guests see: nanoseconds since the system's boot, from the time-stamp counter, by the very
// arithmetic that the guest uses (struct vcpu_time_info in public/xen.h), so that both always agree.
// It must not know: timers, guest memory.
#pragma once

#include <bulkhead/abi/types.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead::vcpu {

inline constexpr std::uint64_t ns_per_second = 1'000'000'000;

/// ns = ((ticks << shift) * mul) >> 32; a negative shift goes right.
struct TimeScale {
    std::uint32_t mul;
    std::int8_t shift;

    /// The finest scale for a counter of that frequency: `mul` has its top bit set. khz: 1 to 2^32 - 1.
    static TimeScale of_khz(std::uint64_t khz);

    std::uint64_t ns(std::uint64_t ticks) const;
    /// The first tick at which ns() is at least that; the largest number if there is none.
    std::uint64_t ticks(std::uint64_t ns_wanted) const;
};

class Clock {
public:
    Clock() = default;
    Clock(std::uint64_t tsc_khz, Tsc boot, std::uint64_t wall_clock_ns)
        : scale_{TimeScale::of_khz(tsc_khz)}, boot_{boot}, wall_clock_ns_{wall_clock_ns}, khz_{tsc_khz} {}

    const TimeScale& scale() const { return scale_; }
    std::uint64_t tsc_khz() const { return khz_; }

    std::uint64_t system_time(Tsc now) const {
        return now.value < boot_.value ? 0 : scale_.ns(now.value - boot_.value);
    }
    /// When system time reaches that; the end of time if it is too far to tell.
    Tsc when(std::uint64_t system_time_ns) const;

    /// Makes `time` current, by its version protocol. The counter never changes its rate, so once is enough.
    void publish(vcpu_time_info& time) const;
    /// What the wall clock said at system time 0, since 1970.
    std::uint64_t wall_clock_ns() const { return wall_clock_ns_; }

private:
    TimeScale scale_{0, 0};
    Tsc boot_{0};
    std::uint64_t wall_clock_ns_{0};
    std::uint64_t khz_{0};
};

} // namespace bulkhead::vcpu
