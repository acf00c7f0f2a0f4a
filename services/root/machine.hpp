// SPDX-License-Identifier: Apache-2.0
// The few device registers that root touches itself: the serial line before (and without) services/console, the clock
// of the board, and the test machine's exit port. It must not know: components.
#pragma once

#include <string_view>

#include <bulkhead/sys.hpp>

namespace bulkhead::root {

/// Written to the exit port; QEMU ends with twice that plus one.
inline constexpr std::uint32_t exit_good = 0x10;
inline constexpr std::uint32_t exit_bad = 0x11;

class Machine {
public:
    /// `io_ports`: all 65536.
    constexpr explicit Machine(Selector io_ports) : ports_{io_ports} {}

    /// Sends text over COM1, which the kernel has set up. Gives up on a line that never gets ready.
    void write_serial(std::string_view text) const;
    /// The board's clock (MC146818) in nanoseconds since 1970-01-01 UTC; 0 if there is none to believe.
    std::uint64_t read_clock_ns() const;
    /// isa-debug-exit: a machine under test ends here. Otherwise nothing happens.
    void debug_exit(std::uint32_t port, std::uint32_t value) const;

private:
    struct ClockReading;
    std::uint32_t read(std::uint16_t port) const;
    std::uint32_t read_clock_register(std::uint32_t index) const;
    ClockReading read_clock_once() const;

    Selector ports_;
};

} // namespace bulkhead::root
