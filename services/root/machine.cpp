// SPDX-License-Identifier: Apache-2.0
// Port accesses by capability. Every wait is bounded: a machine without the device must not stop root.
// It must not know: components.
#include "machine.hpp"

namespace bulkhead::root {
namespace {

// 16550 UART: data register, line status register, transmitter holding register empty.
constexpr std::uint16_t uart_base = 0x3f8;
constexpr std::uint16_t uart_line_status = uart_base + 5;
constexpr std::uint32_t uart_can_send = 1u << 5;
constexpr std::uint32_t uart_patience = 200'000;

// MC146818: index and data port, registers, status bits.
constexpr std::uint16_t clock_index = 0x70;
constexpr std::uint16_t clock_data = 0x71;
enum ClockRegister : std::uint32_t {
    second = 0,
    minute = 2,
    hour = 4,
    day = 7,
    month = 8,
    year = 9,
    status_a = 10,
    status_b = 11
};
constexpr std::uint32_t update_in_progress = 1u << 7;
constexpr std::uint32_t mode_binary = 1u << 2;
constexpr std::uint32_t mode_24_hours = 1u << 1;
constexpr std::uint32_t hour_pm = 1u << 7;
constexpr std::uint32_t clock_patience = 100'000;

constexpr std::uint32_t from_bcd(std::uint32_t value) {
    return (value >> 4) * 10 + (value & 0xf);
}

/// Days from 1970-01-01 in the Gregorian calendar, for years from 1970.
constexpr std::uint64_t days_since_epoch(std::uint32_t y, std::uint32_t m, std::uint32_t d) {
    constexpr std::uint32_t before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const std::uint32_t past = y - 1; // leap days of all the years before this one
    const std::uint64_t leap_days = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    const bool leap_year = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    return std::uint64_t{y - 1970} * 365 + leap_days + before_month[m - 1] + (leap_year && m > 2 ? 1 : 0) + (d - 1);
}
static_assert(days_since_epoch(1970, 1, 1) == 0);
static_assert(days_since_epoch(2000, 3, 1) == 11017);
static_assert(days_since_epoch(2024, 2, 29) == 19782);

} // namespace

struct Machine::ClockReading {
    std::uint32_t second, minute, hour, day, month, year;
    bool operator==(const ClockReading&) const = default;
};

std::uint32_t Machine::read(std::uint16_t port) const {
    const auto value = sys::io_in(ports_, port, 1);
    return value ? static_cast<std::uint32_t>(*value) : 0xff; // what an empty bus reads as
}

void Machine::write_serial(std::string_view text) const {
    for (const char c : text) {
        std::uint32_t tries = 0;
        while ((read(uart_line_status) & uart_can_send) == 0) {
            if (++tries == uart_patience) {
                return;
            }
        }
        (void)sys::io_out(ports_, uart_base, 1, static_cast<unsigned char>(c));
    }
}

std::uint32_t Machine::read_clock_register(std::uint32_t index) const {
    (void)sys::io_out(ports_, clock_index, 1, index);
    return read(clock_data);
}

Machine::ClockReading Machine::read_clock_once() const {
    for (std::uint32_t i = 0; i < clock_patience; ++i) {
        if ((read_clock_register(status_a) & update_in_progress) == 0) {
            break;
        }
    }
    return {read_clock_register(second), read_clock_register(minute), read_clock_register(hour),
            read_clock_register(day),    read_clock_register(month),  read_clock_register(year)};
}

std::uint64_t Machine::read_clock_ns() const {
    // An update between two registers shows as a difference between two readings.
    ClockReading now = read_clock_once();
    for (std::uint32_t i = 0; i < 4; ++i) {
        const ClockReading again = read_clock_once();
        if (again == now) {
            break;
        }
        now = again;
    }
    const std::uint32_t mode = read_clock_register(status_b);
    const bool afternoon = (mode & mode_24_hours) == 0 && (now.hour & hour_pm) != 0;
    now.hour &= ~((mode & mode_24_hours) == 0 ? hour_pm : 0);
    if ((mode & mode_binary) == 0) {
        now = {from_bcd(now.second), from_bcd(now.minute), from_bcd(now.hour),
               from_bcd(now.day),    from_bcd(now.month),  from_bcd(now.year)};
    }
    if ((mode & mode_24_hours) == 0) {
        now.hour = now.hour % 12 + (afternoon ? 12 : 0);
    }
    if (now.second > 59 || now.minute > 59 || now.hour > 23 || now.day < 1 || now.day > 31 || now.month < 1 ||
        now.month > 12 || now.year > 99) {
        return 0;
    }
    const std::uint64_t days = days_since_epoch(2000 + now.year, now.month, now.day);
    return (((days * 24 + now.hour) * 60 + now.minute) * 60 + now.second) * 1'000'000'000;
}

void Machine::debug_exit(std::uint32_t port, std::uint32_t value) const {
    if (port != 0 && port <= 0xffff) {
        (void)sys::io_out(ports_, static_cast<std::uint16_t>(port), 4, value);
    }
}

} // namespace bulkhead::root
