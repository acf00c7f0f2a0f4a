// SPDX-License-Identifier: Apache-2.0
// The boot log and panic output on COM1, polled; boot/start.S has set the port up. A machine without the port loses
// text, not time.
#include <arch/arch.hpp>
#include <arch/x86_64/registers.hpp>

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint16_t com1 = 0x3f8;
constexpr std::uint16_t line_status = com1 + 5;
constexpr std::uint8_t transmitter_empty = 0x20;
constexpr std::uint8_t no_port = 0xff;

void put(char c) {
    std::uint8_t status = in8(line_status);
    for (unsigned tries = 0; (status & transmitter_empty) == 0 && tries < 100'000; ++tries) {
        pause();
        status = in8(line_status);
    }
    if (status != no_port) {
        out8(com1, static_cast<std::uint8_t>(c));
    }
}

} // namespace

void print(const char* text) {
    for (; *text != '\0'; ++text) {
        put(*text);
    }
}

void print_hex(std::uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[(value >> shift) & 0xf]);
    }
}

void print_decimal(std::uint64_t value) {
    char digits[21];
    char* p = digits + sizeof(digits) - 1;
    *p = '\0';
    do {
        *--p = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    print(p);
}

} // namespace bulkhead::kernel::arch
