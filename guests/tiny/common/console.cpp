// SPDX-License-Identifier: Apache-2.0
// The ways out (and in): console ring (public/io/console.h), debug port 0xe9, console_io.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest {
namespace {

std::uint64_t hvm_param(std::uint32_t index) {
    xen_hvm_param argument{};
    argument.domid = DOMID_SELF;
    argument.index = index;
    return hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, argument) == 0 ? argument.value : 0;
}

xencons_interface* ring() {
    return at_physical<xencons_interface>(console_place().gfn << 12);
}

void notify() {
    evtchn_send argument{console_place().port};
    (void)hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, argument);
}

void put(char c) {
    auto* r = ring();
    while (r->out_prod - __atomic_load_n(&r->out_cons, __ATOMIC_ACQUIRE) >= sizeof r->out) {
        notify();
        (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
    }
    r->out[r->out_prod % sizeof r->out] = c;
    __atomic_store_n(&r->out_prod, r->out_prod + 1, __ATOMIC_RELEASE);
}

} // namespace

ConsolePlace console_place() {
    static ConsolePlace place;
    if (place.gfn == 0) {
        place = {hvm_param(HVM_PARAM_CONSOLE_PFN), static_cast<std::uint32_t>(hvm_param(HVM_PARAM_CONSOLE_EVTCHN))};
    }
    return place;
}

void console_write(const Line& line) {
    if (console_place().gfn == 0) {
        return;
    }
    for (std::size_t i = 0; i < line.size(); ++i) {
        put(line.data()[i]);
    }
    notify();
}

void console_read_line(char* to, std::size_t capacity) {
    auto* r = ring();
    std::size_t size = 0;
    for (;;) {
        while (r->in_cons == __atomic_load_n(&r->in_prod, __ATOMIC_ACQUIRE)) {
            wait_for_event(console_place().port);
        }
        const char c = r->in[r->in_cons % sizeof r->in];
        __atomic_store_n(&r->in_cons, r->in_cons + 1, __ATOMIC_RELEASE);
        notify();
        console_write(Line{} << c);
        if (c == '\n' || c == '\r') {
            break;
        }
        if (size + 1 < capacity) {
            to[size++] = c;
        }
    }
    to[size] = '\0';
}

void debug_port_write(const Line& line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
        out8(0xe9, static_cast<std::uint8_t>(line.data()[i]));
    }
}

std::int64_t console_io_write(const Line& line) {
    return hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, line.size(), address_of(line.data()));
}

} // namespace bulkhead::guest
