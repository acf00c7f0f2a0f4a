// SPDX-License-Identifier: Apache-2.0
// The 16550 (National Semiconductor PC16550D data sheet, section 8).
#include "uart.hpp"

namespace bulkhead::console {

namespace {

constexpr std::uint8_t data = 0;             // and, with DLAB, the divisor's low byte
constexpr std::uint8_t interrupt_enable = 1; // and, with DLAB, the divisor's high byte
constexpr std::uint8_t interrupt_id = 2;     // read
constexpr std::uint8_t fifo_control = 2;     // write
constexpr std::uint8_t line_control = 3;
constexpr std::uint8_t modem_control = 4;
constexpr std::uint8_t line_status = 5;

constexpr std::uint8_t enable_received = 0x01;
constexpr std::uint8_t enable_transmit = 0x02;
constexpr std::uint8_t fifo_on_trigger_8 = 0x81; // a rest of fewer than 8 bytes interrupts after four characters' time
constexpr std::uint8_t clear_received = 0x02;
constexpr std::uint8_t eight_n_one = 0x03;
constexpr std::uint8_t divisor_access = 0x80;
constexpr std::uint8_t dtr_rts_out2 = 0x0b; // OUT2 lets the interrupt through to the bus
constexpr std::uint8_t divisor_115200 = 1;
constexpr std::uint8_t data_ready = 0x01;
constexpr std::uint8_t fifo_empty = 0x20;
constexpr std::uint8_t all_sent = 0x40;
constexpr std::uint8_t floating_bus = 0xff;

/// The kernel's last bytes: 17 characters of 87 us; a register access takes about one.
constexpr std::uint32_t drain_polls = 10'000;

} // namespace

bool Uart::start() {
    if (registers_.read(line_status) == floating_bus) {
        return false;
    }
    for (std::uint32_t i = 0; i < drain_polls && (registers_.read(line_status) & all_sent) == 0; ++i) {
    }
    registers_.write(interrupt_enable, 0);
    registers_.write(line_control, divisor_access | eight_n_one);
    registers_.write(data, divisor_115200);
    registers_.write(interrupt_enable, 0);
    registers_.write(line_control, eight_n_one);
    registers_.write(fifo_control, fifo_on_trigger_8 | clear_received);
    registers_.write(modem_control, dtr_rts_out2);
    present_ = true;
    arm(false);
    return true;
}

std::uint32_t Uart::room() {
    return (registers_.read(line_status) & fifo_empty) != 0 ? fifo_bytes : 0;
}

bool Uart::receive(std::uint8_t& byte) {
    if ((registers_.read(line_status) & data_ready) == 0) {
        return false;
    }
    byte = registers_.read(data);
    return true;
}

bool Uart::idle() {
    return (registers_.read(line_status) & all_sent) != 0;
}

void Uart::arm(bool transmit) {
    (void)registers_.read(interrupt_id); // withdraws a transmitter interrupt that is under way
    registers_.write(interrupt_enable, 0);
    registers_.write(interrupt_enable, static_cast<std::uint8_t>(enable_received | (transmit ? enable_transmit : 0u)));
}

} // namespace bulkhead::console
