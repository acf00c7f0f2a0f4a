// SPDX-License-Identifier: Apache-2.0
// services/grant: keeps the domains' grant tables. It holds no standing capability to any domain's RAM.
#include <bulkhead/log.hpp>

#include "service.hpp"

extern "C" [[noreturn]] void component_main(std::uint64_t) {
    using namespace bulkhead;
    static grant::Service service;
    Server<grant::Service> server{service, grant::window};
    log("ready");
    server.run();
}
