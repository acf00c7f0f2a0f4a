// SPDX-License-Identifier: Apache-2.0
// System time against exact arithmetic.
// REQ-GUEST-009
#include <random>

#include <catch2/catch.hpp>

#include "clock.hpp"
#include "timers.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;

namespace {
__extension__ using Wide = unsigned __int128;

/// What a guest computes (public/xen.h): with a 64x32 multiplication that keeps 96 bits.
std::uint64_t guest_ns(const vcpu_time_info& time, std::uint64_t tsc) {
    std::uint64_t delta = tsc - time.tsc_timestamp;
    delta = time.tsc_shift >= 0 ? delta << time.tsc_shift : delta >> -time.tsc_shift;
    return time.system_time + static_cast<std::uint64_t>((Wide{delta} * time.tsc_to_system_mul) >> 32);
}
} // namespace

TEST_CASE("ticks are scaled as Xen's guests scale them, whatever their number", "[vcpu][clock]") {
    std::mt19937_64 random{7};
    for (const std::uint64_t khz :
         {1ull, 999ull, 500'000ull, 1'000'000ull, 2'999'999ull, 3'400'000ull, 12'345'678ull}) {
        const TimeScale scale = TimeScale::of_khz(khz);
        for (std::uint32_t i = 0; i < 10'000; ++i) {
            const std::uint64_t ticks = random() >> (random() % 64);
            // Xen's public/xen.h: shift, multiply, take the upper part.
            using Wide = unsigned __int128;
            const Wide shifted = scale.shift >= 0 ? Wide{ticks} << scale.shift : Wide{ticks >> -scale.shift};
            REQUIRE(scale.ns(ticks) == static_cast<std::uint64_t>((shifted * scale.mul) >> 32));
        }
    }
}

TEST_CASE("the scale is as fine as its format allows, for any frequency") {
    std::mt19937_64 random{1};
    std::vector<std::uint64_t> frequencies{1,         2,         999,       1000,  999'999,
                                           1'000'000, 1'000'001, 2'600'000, 3'579, 0xffff'ffff};
    for (int i = 0; i < 500; ++i) {
        frequencies.push_back(1 + random() % 0xffff'ffff);
    }
    for (const std::uint64_t khz : frequencies) {
        const TimeScale scale = TimeScale::of_khz(khz);
        CHECK((scale.mul >> 31) == 1);
        // Over a day: the error is below 2^-31 of the time, and never ahead.
        const std::uint64_t ticks = khz * 1000 * 86400;
        const auto exact = static_cast<std::uint64_t>(Wide{ticks} * 1'000'000 / khz);
        const std::uint64_t told = scale.ns(ticks);
        CHECK(told <= exact);
        CHECK(exact - told <= (exact >> 31) + 64);
    }
}

TEST_CASE("a deadline is the first tick at which the time has come") {
    std::mt19937_64 random{2};
    for (int i = 0; i < 2000; ++i) {
        const TimeScale scale = TimeScale::of_khz(1000 + random() % 5'000'000);
        const std::uint64_t ns = random() >> (random() % 60 + 4);
        const std::uint64_t ticks = scale.ticks(ns);
        CHECK(scale.ns(ticks) >= ns);
        if (ticks != 0) {
            CHECK(scale.ns(ticks - 1) < ns);
        }
    }
}

TEST_CASE("times too far to tell are the end of time") {
    const TimeScale fast = TimeScale::of_khz(4'000'000);
    CHECK(fast.ticks(~std::uint64_t{0}) == ~std::uint64_t{0});
    const Clock clock{4'000'000, Tsc{~std::uint64_t{0} - 10}, 0};
    CHECK(clock.when(1'000'000).value == ~std::uint64_t{0});
    CHECK(clock.system_time(Tsc{5}) == 0); // before the beginning
}

TEST_CASE("guest and monitor compute the same time") {
    std::mt19937_64 random{3};
    for (int i = 0; i < 200; ++i) {
        const Tsc boot{random() >> 20};
        const Clock clock{1 + random() % 10'000'000, boot, 0};
        vcpu_time_info time{};
        clock.publish(time);
        for (int k = 0; k < 20; ++k) {
            const Tsc now{boot.value + (random() >> 16)};
            CHECK(guest_ns(time, now.value) == clock.system_time(now));
        }
    }
}

TEST_CASE("versions are even after each update and differ from before") {
    const Clock clock{2'600'000, Tsc{100}, 1'700'000'000'123'456'789};
    vcpu_time_info time{};
    clock.publish(time);
    CHECK(time.version == 2);
    CHECK((time.flags & XEN_PVCLOCK_TSC_STABLE_BIT) == 0);
    time.version = 0xffff'ffff;
    clock.publish(time);
    CHECK(time.version == 0);
    CHECK(clock.wall_clock_ns() == 1'700'000'000'123'456'789);
}

TEST_CASE("timers: singleshot, periodic and poll") {
    Timers timers;
    CHECK(timers.next() == Timers::none);
    timers.set_singleshot(100);
    timers.set_poll(50);
    CHECK(timers.next() == 50);
    CHECK_FALSE(timers.expire(49).poll);
    CHECK(timers.expire(50).poll);
    CHECK(timers.next() == 100);
    CHECK(timers.expire(1000).timer);
    CHECK(timers.next() == Timers::none);
    CHECK_FALSE(timers.expire(~std::uint64_t{0} - 1).timer);

    timers.set_periodic(10, 1000);
    CHECK(timers.next() == 1010);
    CHECK(timers.expire(1010).timer);
    CHECK(timers.next() == 1020);
    CHECK(timers.expire(1055).timer); // missed periods count once
    CHECK(timers.next() == 1060);
    timers.stop_periodic();
    CHECK(timers.next() == Timers::none);
    timers.set_periodic(std::uint64_t{1} << 62, ~std::uint64_t{0} - 5);
    CHECK(timers.next() == Timers::none);
}
