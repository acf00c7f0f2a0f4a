// SPDX-License-Identifier: Apache-2.0
// What every tiny guest has: its command line, its consoles, and its end. A guest defines guest_main.
#pragma once

#include "hypercall.hpp"
#include "text.hpp"

namespace bulkhead::guest {

/// What the guest is for. Returning powers it off.
void guest_main();

enum class ShutdownReason : std::uint32_t {
    poweroff = SHUTDOWN_poweroff,
    reboot = SHUTDOWN_reboot,
    suspend = SHUTDOWN_suspend,
    crash = SHUTDOWN_crash,
    watchdog = SHUTDOWN_watchdog,
    soft_reset = SHUTDOWN_soft_reset
};
[[noreturn]] void shut_down(ShutdownReason reason);

// --- command line: words, some of the form key=value
bool has_word(const char* word);
bool word_is(const char* key, const char* value);
std::uint64_t number_of(const char* key, std::uint64_t otherwise);
bool equal(const char* a, const char* b);
/// The time-stamp counter at the guest's first instruction.
std::uint64_t first_instruction();
/// End of the highest RAM in the memory map.
std::uint64_t ram_end();

// --- output
/// To the console ring; waits for room.
void console_write(const Line& line);
void debug_port_write(const Line& line);
/// The hypercall's result: bytes taken, or a negative errno.
std::int64_t console_io_write(const Line& line);
/// Reads a line from the console ring (without its end), echoing it. Sleeps until there is one.
void console_read_line(char* to, std::size_t capacity);
/// Guest frame and event channel of the console ring; 0: none.
struct ConsolePlace {
    std::uint64_t gfn;
    std::uint32_t port;
};
ConsolePlace console_place();

} // namespace bulkhead::guest
