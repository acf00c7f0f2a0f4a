// SPDX-License-Identifier: Apache-2.0
// The smallest useful guest: says hello on each way out that it has, tells the time, repeats what it is told if asked
// to, and powers off. Command line: `page` makes its hypercalls through the hypercall page; `echo` reads one line from
// the console; `halt` ends by halting with interrupts off.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest {

namespace {

/// Between 2004 and 2106: what lies elsewhere in the structure is no such number.
bool plausible(std::uint64_t seconds_since_1970) {
    return seconds_since_1970 >= 1u << 30 && seconds_since_1970 < std::uint64_t{1} << 32;
}

} // namespace

void guest_main() {
    if (has_word("page") && enter_hypercalls_by(EnterBy::page)) {
        console_write(Line{} << "hello: hypercall page\n");
    }
    console_write(Line{} << "hello: console ring\n");
    debug_port_write(Line{} << "hello: debug port\n");
    const auto written = console_io_write(Line{} << "hello: console_io\n");
    if (written < 0) {
        console_write(Line{} << "hello: console_io refused: -" << number(-written) << '\n');
    }
    set_up_events();
    const auto first = system_time();
    const auto armed = set_timer(first + 1'000'000);
    wait_for_event(timer_port());
    const auto second = system_time();
    console_write(Line{} << "hello: timer " << number(armed) << (second - first >= 1'000'000 ? " on time" : " early")
                         << ", wall clock " << (plausible(wall_clock_seconds()) ? "set" : "not set") << '\n');
    if (has_word("echo")) {
        char text[128];
        console_write(Line{} << "hello: say something: ");
        console_read_line(text, sizeof text);
        console_write(Line{} << "hello: heard [" << text << "]\n");
    }
    console_write(Line{} << "hello: ram ends at " << Hex{ram_end()} << '\n' << "hello: done\n");
    if (has_word("halt")) {
        halt_for_ever();
    }
}

} // namespace bulkhead::guest
