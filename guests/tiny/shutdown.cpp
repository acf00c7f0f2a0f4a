// SPDX-License-Identifier: Apache-2.0
// A guest that ends. Command line: reason=poweroff|reboot|crash|suspend|watchdog|soft_reset|halt, or reason=ask: the
// reason is read from the console.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest {
namespace {

struct Name {
    const char* text;
    ShutdownReason reason;
};
constexpr Name names[] = {{"poweroff", ShutdownReason::poweroff}, {"reboot", ShutdownReason::reboot},
                          {"crash", ShutdownReason::crash},       {"suspend", ShutdownReason::suspend},
                          {"watchdog", ShutdownReason::watchdog}, {"soft_reset", ShutdownReason::soft_reset}};

} // namespace

void guest_main() {
    char answer[32] = "";
    if (word_is("reason", "ask")) {
        console_write(Line{} << "shutdown: which reason? ");
        console_read_line(answer, sizeof answer);
    }
    if (equal(answer, "halt") || word_is("reason", "halt")) {
        console_write(Line{} << "shutdown: halting\n");
        halt_for_ever();
    }
    for (const auto& name : names) {
        if (equal(answer, name.text) || word_is("reason", name.text)) {
            console_write(Line{} << "shutdown: " << name.text << '\n');
            shut_down(name.reason);
        }
    }
    console_write(Line{} << "shutdown: unknown reason\n");
}

} // namespace bulkhead::guest
