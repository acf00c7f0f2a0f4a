// SPDX-License-Identifier: Apache-2.0
// A guest that never gives the CPU back: spins with interrupts off. Command line: `ms=N` powers off after that many
// milliseconds of system time.
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest {

void guest_main() {
    console_write(Line{} << "spin: spinning\n");
    const auto limit = number_of("ms", 0);
    const auto end = system_time() + limit * 1'000'000;
    while (limit == 0 || system_time() < end) {
        for (std::uint32_t i = 0; i < 10'000; ++i) {
            asm volatile("");
        }
    }
    console_write(Line{} << "spin: done\n");
}

} // namespace bulkhead::guest
