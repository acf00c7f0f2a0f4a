// SPDX-License-Identifier: Apache-2.0
// A 16550 as the driver sees it: FIFOs, interrupt causes, and an output line whose rising edges are counted.
#pragma once

#include <deque>
#include <string>

#include "uart.hpp"

namespace bulkhead::console {

class FakeUart final : public UartRegisters {
public:
    bool present{true};
    bool sends_at_once{false}; ///< as QEMU does
    std::deque<std::uint8_t> fifo, arriving;
    std::string sent;
    int edges{0};
    std::uint8_t enabled{0}, line_control{0}, modem_control{0}, fifo_control{0};
    std::uint16_t divisor{0};
    bool overrun{false};

    std::uint8_t read(std::uint8_t offset) override {
        if (!present) {
            return 0xff;
        }
        std::uint8_t value = 0;
        if (offset == 0 && !arriving.empty()) {
            value = arriving.front();
            arriving.pop_front();
        } else if (offset == 2) {
            value = !arriving.empty() && (enabled & 1) != 0 ? 0xc4 : empty_cause_ && (enabled & 2) != 0 ? 0xc2 : 0xc1;
            empty_cause_ = value == 0xc2 ? false : empty_cause_;
        } else if (offset == 5) {
            value = static_cast<std::uint8_t>((arriving.empty() ? 0 : 1) | (fifo.empty() ? 0x60 : 0));
        }
        update();
        return value;
    }
    void write(std::uint8_t offset, std::uint8_t value) override {
        const bool divisor_access = (line_control & 0x80) != 0;
        if (offset == 0 && divisor_access) {
            divisor = static_cast<std::uint16_t>((divisor & 0xff00) | value);
        } else if (offset == 1 && divisor_access) {
            divisor = static_cast<std::uint16_t>((divisor & 0xff) | (value << 8));
        } else if (offset == 0) {
            overrun = overrun || fifo.size() == Uart::fifo_bytes;
            fifo.push_back(value);
            empty_cause_ = false;
            if (sends_at_once) {
                tick(1);
            }
        } else if (offset == 1) {
            empty_cause_ = empty_cause_ || ((value & 2) != 0 && (enabled & 2) == 0 && fifo.empty());
            enabled = value;
        } else if (offset == 2) {
            fifo_control = value;
        } else if (offset == 3) {
            line_control = value;
        } else if (offset == 4) {
            modem_control = value;
        }
        update();
    }
    /// The line sends so many bytes.
    void tick(std::size_t bytes) {
        for (; bytes != 0 && !fifo.empty(); --bytes) {
            sent.push_back(static_cast<char>(fifo.front()));
            fifo.pop_front();
            empty_cause_ = empty_cause_ || fifo.empty();
        }
        update();
    }
    void type(const std::string& text) {
        arriving.insert(arriving.end(), text.begin(), text.end());
        update();
    }

private:
    void update() {
        const bool now = (!arriving.empty() && (enabled & 1) != 0) || (empty_cause_ && (enabled & 2) != 0);
        edges += now && !raised_ ? 1 : 0;
        raised_ = now;
    }
    bool empty_cause_{false};
    bool raised_{false};
};

} // namespace bulkhead::console
