// SPDX-License-Identifier: Apache-2.0
// The serial port: a 16550 with FIFOs at 115200 baud, 8 data bits, no parity, 1 stop bit, by interrupts on an
// edge-triggered line.
// It must not know: what the bytes are, nor how registers are reached.
#pragma once

#include <cstdint>

namespace bulkhead::console {

/// The eight registers of the device.
class UartRegisters {
public:
    virtual std::uint8_t read(std::uint8_t offset) = 0;
    virtual void write(std::uint8_t offset, std::uint8_t value) = 0;

protected:
    ~UartRegisters() = default;
};

class Uart {
public:
    static constexpr std::uint32_t fifo_bytes = 16;

    explicit constexpr Uart(UartRegisters& registers) : registers_{registers} {}

    /// False: there is no such device. What the kernel is still sending is sent.
    bool start();
    bool present() const { return present_; }

    /// How many bytes `send` may send now: a FIFO's worth when it is empty, else none.
    std::uint32_t room();
    void send(std::uint8_t byte) { registers_.write(0, byte); }
    /// False: none has arrived.
    bool receive(std::uint8_t& byte);
    /// Everything has left, the shift register too.
    bool idle();

    /// Chooses the interrupts: always those for received bytes, and with `transmit` one when the FIFO is empty. They
    /// are taken away and given anew, so that a condition which is there already makes an edge: what the driver left
    /// behind, however much, is never forgotten.
    void arm(bool transmit);

private:
    UartRegisters& registers_;
    bool present_{false};
};

} // namespace bulkhead::console
