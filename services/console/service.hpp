// SPDX-License-Identifier: Apache-2.0
// The console component: requests, signals, and the serial port between the queues and the world. What a caller's text
// costs is done on the caller's CPU time; what rings hold is moved on the component's own, a quantum per domain.
// It must not know: how requests arrive.
#pragma once

#include <bulkhead/client.hpp>
#include <bulkhead/server.hpp>

#include <console.pb.h>

#include "consoles.hpp"
#include "log_lines.hpp"
#include "uart.hpp"

namespace bulkhead::console {

// The component's slots. Per domain: the Region of its ring page, and what raises its console port.
constexpr Selector ring_slot(DomId domain) {
    return Selector{128u + domain.value};
}
constexpr Selector sender_slot(DomId domain) {
    return Selector{256u + domain.value};
}
inline constexpr Selector uart_signal{384}; ///< own EventSet [write], badged `uart_bit`
inline constexpr Selector window{slot::first_free};

/// Bits of the component's EventSet: domain d's ring is bit d.
inline constexpr std::uint32_t uart_bit = 100;
static_assert(uart_bit > max_domains);

/// Where a domain's ring page is mapped; the page after it stays empty.
constexpr UserVirt ring_address(DomId domain) {
    return UserVirt{0x7000'4000'0000 + domain.value * 2 * page_size};
}

/// Registers by the kernel's port operations.
class PortRegisters final : public UartRegisters {
public:
    /// Asks which ports those are. Without any, every register reads as a bus that nothing drives.
    void find();
    std::uint8_t read(std::uint8_t offset) override;
    void write(std::uint8_t offset, std::uint8_t value) override;

private:
    std::uint16_t base_{0};
};

class Service final : private LogLines::Sink, private Consoles::Bell {
public:
    using Request = bulkhead_ConsoleRequest;
    using Reply = bulkhead_ConsoleReply;

    Service(UartRegisters& registers, std::uint64_t tsc_khz) : uart_{registers}, patience_{tsc_khz * 1000} {}

    /// Takes the serial port over from the kernel.
    void start();
    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out);
    void on_event(std::uint32_t bit);
    /// Not idle, but others first.
    Tsc deadline() const { return Tsc{consoles_.wants_round() ? 1u : 0u}; }
    void on_timeout() { pump(); }

    const RefusalCounter& refusals() const { return refusals_; }
    std::uint64_t lost_lines() const { return lost_lines_; }

private:
    std::int32_t log(const bulkhead_ConsoleLog& request, ClientId who);
    std::int32_t add_domain(const bulkhead_ConsoleAddDomain& request, CapsIn& in);
    std::int32_t remove_domain(std::uint32_t id);
    std::int32_t flush();
    bool allowed(pb_size_t request, ClientId who) const;

    void write_line(std::string_view line) override;
    void ring(DomId domain) override;
    void say(std::string_view text);

    /// Notes what has been signalled.
    void take_events();
    void note(std::uint32_t bit);
    void receive();
    /// As much as the device takes now.
    void transmit();
    /// Moves what can be moved and sees to it that the rest will be.
    void pump();
    void arm();
    /// Waits until the queue has that much room. False: the device has stopped taking bytes.
    bool make_room(std::size_t bytes);

    Uart uart_;
    LineOut line_;
    LineIn line_in_;
    Consoles consoles_{line_, *this};
    LogLines log_{*this};
    std::uint64_t patience_; ///< ticks of a second
    bool stalled_{false};    ///< nothing has left since a wait for it was given up
    bool armed_{false};
    bool interrupted_{false};
    std::uint64_t lost_lines_{0};
    std::uint64_t lost_told_{0};
    std::uint64_t dropped_told_{0};
    RefusalCounter refusals_;
};

} // namespace bulkhead::console
