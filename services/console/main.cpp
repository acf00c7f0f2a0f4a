// SPDX-License-Identifier: Apache-2.0
// services/console: one serial line for the system's log and every domain's console.
#include <bulkhead/start.hpp>

#include <domain.pb.h>

#include "service.hpp"

extern "C" [[noreturn]] void component_main(std::uint64_t) {
    using namespace bulkhead;
    bulkhead_ComponentStart start{};
    if (!read_start_message(start) || start.tsc_khz == 0) {
        start.tsc_khz = 1'000'000; // only patience depends on it
    }
    static console::PortRegisters registers;
    registers.find();
    static console::Service service{registers, start.tsc_khz};
    service.start();
    Server<console::Service> server{service, console::window};
    server.run();
}
