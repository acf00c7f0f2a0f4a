// SPDX-License-Identifier: Apache-2.0
// services/domain with a monitor that sends any bytes, between the steps of its domain's life. The component goes on,
// what it has lent comes back when the domain ends, and no other client's answer changes. REQ-COMP-004
#include <fuzzer/FuzzedDataProvider.h>

#include <domain_world.hpp>

#include "demand.hpp"
#include "wire.hpp"

using namespace bulkhead;
using namespace bulkhead::domain::test;

namespace {

constexpr std::uint32_t max_steps = 16;

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input{data, size};
    World world;
    bulkhead_Domain& config = world.add_domain("one", World::good_kernel());
    config.on_crash = bulkhead_Action_ACTION_RESTART;
    world.run();
    const std::uint64_t lent = world.memory_service->lender().lent();
    const std::uint32_t used = world.machine.used_slots(world.domain);
    demand(lent != 0);
    for (std::uint32_t i = 0; i < max_steps && input.remaining_bytes() != 0; ++i) {
        const fuzz::Bytes bytes = fuzz::message(input, Utcb::data_size);
        world.machine.run_as(world.monitor1, [&] {
            std::copy(bytes.begin(), bytes.end(), sys::utcb().data);
            demand(sys::call(slot::domain, {static_cast<std::uint32_t>(bytes.size()), 0}).status == Status::ok);
        });
        if (world.service->deadline() != Tsc{0}) { // those bytes said that the domain has ended
            world.settle();
        }
        const std::uint64_t now = world.memory_service->lender().lent();
        demand(now == lent || now == 0); // restarted, or gone
        demand(now == 0 || world.machine.used_slots(world.domain) == used);
    }
    return 0;
}
