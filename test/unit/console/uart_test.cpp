// SPDX-License-Identifier: Apache-2.0
// The driver against a model of the device: set up right, never overrun, and no condition without an edge.
// REQ-CONSOLE-001
#include <catch2/catch.hpp>

#include "fake_uart.hpp"

using namespace bulkhead::console;

TEST_CASE("set-up: 115200 8N1, FIFOs, interrupts through to the bus", "[console]") {
    FakeUart device;
    Uart uart{device};
    REQUIRE(uart.start());
    CHECK(device.divisor == 1);
    CHECK(device.line_control == 0x03);
    CHECK((device.fifo_control & 0x05) == 0x01); // on; what the kernel sends is not thrown away
    CHECK(device.modem_control == 0x0b);
    CHECK(device.enabled == 0x01);
}

TEST_CASE("a machine without the device", "[console]") {
    FakeUart device;
    device.present = false;
    Uart uart{device};
    CHECK_FALSE(uart.start());
    CHECK_FALSE(uart.present());
    CHECK(device.enabled == 0);
}

TEST_CASE("a FIFO's worth at a time", "[console]") {
    FakeUart device;
    Uart uart{device};
    REQUIRE(uart.start());
    CHECK(uart.idle());
    REQUIRE(uart.room() == Uart::fifo_bytes);
    for (std::uint32_t i = 0; i < Uart::fifo_bytes; ++i) {
        uart.send('x');
    }
    CHECK(uart.room() == 0);
    CHECK_FALSE(uart.idle());
    device.tick(15);
    CHECK(uart.room() == 0);
    device.tick(1);
    CHECK(uart.room() == Uart::fifo_bytes);
    CHECK(device.sent == std::string(16, 'x'));
    CHECK_FALSE(device.overrun);
}

TEST_CASE("what is there when the interrupts are armed makes an edge", "[console]") {
    FakeUart device;
    Uart uart{device};
    REQUIRE(uart.start());
    device.type("ab");
    CHECK(device.edges == 1);
    std::uint8_t byte = 0;
    REQUIRE(uart.receive(byte));
    CHECK(byte == 'a');
    uart.arm(false); // left something behind
    CHECK(device.edges == 2);
    REQUIRE(uart.receive(byte));
    CHECK_FALSE(uart.receive(byte));
    uart.arm(false);
    CHECK(device.edges == 2);
    uart.send('x');
    uart.arm(true);
    CHECK(device.edges == 2);
    device.tick(1);
    CHECK(device.edges == 3);
    uart.arm(true); // empty still, and wanted still
    CHECK(device.edges == 4);
    uart.arm(false);
    CHECK(device.edges == 4);
}
