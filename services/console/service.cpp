// SPDX-License-Identifier: Apache-2.0
// The console component's requests and signals.
#include "service.hpp"

#include <bulkhead/format.hpp>

namespace bulkhead::console {

namespace {

constexpr DomId dom_id(std::uint32_t id) {
    return id <= max_domains ? DomId{static_cast<std::uint16_t>(id)} : DomId{};
}

/// A message's text ends at its NUL, or at its end.
template <std::size_t size> std::string_view text_of(const char (&text)[size]) {
    std::size_t length = 0;
    while (length < size && text[length] != '\0') {
        ++length;
    }
    return {text, length};
}

/// What one interrupt may bring before others have a turn.
constexpr std::uint32_t max_received = 256;
/// The shift register's last character takes 87 us; a register access about one.
constexpr std::uint32_t idle_polls = 10'000;

std::uint64_t now() {
    return __builtin_ia32_rdtsc();
}

} // namespace

void PortRegisters::find() {
    const auto range = sys::info(slot::uart_ports);
    base_ = range ? static_cast<std::uint16_t>(*range) : std::uint16_t{0};
}

std::uint8_t PortRegisters::read(std::uint8_t offset) {
    const auto value = sys::io_in(slot::uart_ports, static_cast<std::uint16_t>(base_ + offset), 1);
    return value ? static_cast<std::uint8_t>(*value) : std::uint8_t{0xff};
}

void PortRegisters::write(std::uint8_t offset, std::uint8_t value) {
    (void)sys::io_out(slot::uart_ports, static_cast<std::uint16_t>(base_ + offset), 1, value);
}

void Service::start() {
    if (!uart_.start()) {
        return; // a machine without the port: all output goes nowhere
    }
    const bool bound =
        sys::mint_badge(slot::cap_space, uart_signal, slot::events, Rights::write, uart_bit) == Status::ok &&
        sys::interrupt_bind(slot::uart_interrupt, uart_signal, false, false) == Status::ok;
    say(bound ? "ready: COM1, 115200 8N1" : "no interrupt for COM1: there will be no input");
    pump();
}

void Service::say(std::string_view text) {
    const LogSource self = LogSource::component(ClientId::console);
    log_.append(self, text);
    log_.finish(self);
}

void Service::ring(DomId domain) {
    (void)sys::signal(sender_slot(domain)); // the guest may have closed its port
}

// --- the device

void Service::transmit() {
    if (!uart_.present()) {
        line_.clear();
        return;
    }
    while (!line_.empty()) {
        std::uint32_t room = uart_.room();
        if (room == 0) {
            return;
        }
        for (; room != 0 && !line_.empty(); --room) {
            uart_.send(line_.pop());
        }
        stalled_ = false;
    }
}

void Service::receive() {
    std::uint8_t byte = 0;
    for (std::uint32_t i = 0; i < max_received && uart_.receive(byte); ++i) {
        if (const auto data = line_in_.feed(byte); data) {
            consoles_.arrived(DomId{data->stream.value}, data->byte);
        }
    }
}

void Service::arm() {
    if (uart_.present()) {
        armed_ = !line_.empty();
        uart_.arm(armed_);
    }
    interrupted_ = false;
}

void Service::note(std::uint32_t bit) {
    if (bit == uart_bit) {
        // Unmasked first: whatever the device wants from here on comes as a new edge once it is armed again.
        (void)sys::interrupt_ack(slot::uart_interrupt);
        receive();
        interrupted_ = true;
    } else if (bit <= max_domains) {
        consoles_.serve(DomId{static_cast<std::uint16_t>(bit)});
    }
}

void Service::take_events() {
    (void)drain(own_event_page(), [this](std::uint32_t bit) { note(bit); });
}

void Service::pump() {
    transmit();
    consoles_.round();
    transmit();
    if (interrupted_ || armed_ == line_.empty()) {
        arm();
    }
}

bool Service::make_room(std::size_t bytes) {
    transmit();
    if (line_.room() >= bytes || stalled_) {
        return line_.room() >= bytes;
    }
    const std::uint64_t end = now() + patience_;
    while (line_.room() < bytes) {
        arm();
        if (now() >= end || sys::wait(slot::events, Tsc{end}) != Status::ok) {
            stalled_ = true;
            return false;
        }
        take_events();
        transmit();
    }
    return true;
}

void Service::on_event(std::uint32_t bit) {
    note(bit);
    if (consoles_.dropped() > 2 * dropped_told_) {
        dropped_told_ = consoles_.dropped();
        char text[64];
        say(format_to(text, "{} bytes of input dropped so far", dropped_told_));
    }
    pump();
}

// --- the log

void Service::write_line(std::string_view line) {
    char note_text[64];
    const std::string_view note_line = lost_lines_ == lost_told_
                                           ? std::string_view{}
                                           : format_to(note_text, "[console] {} lines lost so far\n", lost_lines_);
    // A line has no byte that is doubled: nothing but a switch is added.
    if (!make_room(LineOut::cost(0) + note_line.size() + line.size())) {
        ++lost_lines_;
        return;
    }
    lost_told_ = lost_lines_;
    for (const std::string_view text : {note_line, line}) {
        (void)line_.write(system_log, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
}

std::int32_t Service::log(const bulkhead_ConsoleLog& request, ClientId who) {
    const DomId domain = monitored_domain(who);
    const std::string_view text = text_of(request.text);
    if (domain != DomId{} && request.guest) {
        log_.append(LogSource::guest(domain), text); // in whatever pieces the guest likes
        return 0;
    }
    const LogSource source = domain != DomId{} ? LogSource::monitor(domain) : LogSource::component(who);
    log_.append(source, text);
    log_.finish(source);
    return 0;
}

// --- requests

std::int32_t Service::add_domain(const bulkhead_ConsoleAddDomain& request, CapsIn& in) {
    const DomId domain = dom_id(request.domain);
    if (domain == DomId{} || in.count() != 2 || in.type(0) != ObjectType::region ||
        in.type(1) != ObjectType::event_set) {
        return -XEN_EINVAL;
    }
    if (consoles_.has(domain)) {
        return -XEN_EEXIST;
    }
    const auto size = sys::info(in.at(0));
    const std::uint64_t address = ring_address(domain).value;
    const bool mapped =
        size && *size == page_size && in.take(0, ring_slot(domain)) == Status::ok &&
        in.take(1, sender_slot(domain)) == Status::ok &&
        sys::map(ring_slot(domain), slot::address_space, address, Rights::read | Rights::write) == Status::ok;
    auto* const page = static_cast<xencons_interface*>(sys::pointer(UserVirt{address}));
    if (!mapped || page == nullptr || !consoles_.add(domain, page)) {
        (void)sys::remove(ring_slot(domain));
        (void)sys::remove(sender_slot(domain));
        return -XEN_EINVAL;
    }
    log_.set_name(domain, text_of(request.name));
    return 0;
}

std::int32_t Service::remove_domain(std::uint32_t id) {
    const DomId domain = dom_id(id);
    if (!consoles_.has(domain)) {
        return -XEN_ESRCH;
    }
    // A ring's worth, no more: the guest may still be writing.
    for (std::uint32_t turn = 0; turn <= GuestRing::out_size / Consoles::quantum && consoles_.left(domain) != 0;
         ++turn) {
        consoles_.serve(domain);
        if (!make_room(Consoles::log_reserve + LineOut::cost(Consoles::quantum))) {
            break;
        }
        consoles_.round();
    }
    log_.finish(LogSource::guest(domain));
    log_.finish(LogSource::monitor(domain));
    consoles_.remove(domain);
    (void)sys::remove(ring_slot(domain)); // unmaps it
    (void)sys::remove(sender_slot(domain));
    return 0;
}

std::int32_t Service::flush() {
    if (!make_room(LineOut::capacity)) {
        return -XEN_EIO;
    }
    for (std::uint32_t i = 0; uart_.present() && i < idle_polls; ++i) {
        if (uart_.idle()) {
            return 0;
        }
    }
    return uart_.present() ? -XEN_EIO : 0;
}

bool Service::allowed(pb_size_t request, ClientId who) const {
    const bool component = who >= ClientId::root && who <= ClientId::console;
    switch (request) {
    case bulkhead_ConsoleRequest_log_tag:
        return component || monitored_domain(who) != DomId{};
    case bulkhead_ConsoleRequest_flush_tag:
        return component;
    default:
        return who == ClientId::domain;
    }
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut&) {
    if (!allowed(request.which_request, who)) {
        reply.result = -XEN_EPERM;
        if (refusals_.add()) {
            char text[96];
            say(format_to(text, "refused request {} of client {:x}: not its business ({} so far)",
                          request.which_request, static_cast<std::uint64_t>(who), refusals_.count()));
        }
        return;
    }
    switch (request.which_request) {
    case bulkhead_ConsoleRequest_log_tag:
        reply.result = log(request.request.log, who);
        break;
    case bulkhead_ConsoleRequest_add_domain_tag:
        reply.result = add_domain(request.request.add_domain, in);
        break;
    case bulkhead_ConsoleRequest_remove_domain_tag:
        reply.result = remove_domain(request.request.remove_domain.domain);
        break;
    case bulkhead_ConsoleRequest_flush_tag:
        reply.result = flush();
        break;
    default:
        reply.result = -XEN_ENOSYS;
        break;
    }
    // Whoever asks without end must not keep the others' rings waiting.
    take_events();
    pump();
}

} // namespace bulkhead::console
