// SPDX-License-Identifier: Apache-2.0
// services/memory, grant and event on the real capability library, with clients that send any bytes and any of their
// capabilities. No component may stop, keep what it was sent, or fail an honest client. REQ-COMP-004
#include <fuzzer/FuzzedDataProvider.h>

#include <world.hpp>

#include "demand.hpp"
#include "wire.hpp"

using namespace bulkhead;
using namespace bulkhead::test;

namespace {

constexpr std::uint32_t max_messages = 64;
constexpr std::uint32_t ports_of_one_domain = 128;

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input{data, size};
    World world;
    world.arm(world.hostile);
    world.arm(world.stranger);
    const Selector portals[] = {slot::memory, slot::grant, slot::event};
    sim::Component* const servers[] = {&world.memory, &world.grant, &world.event};
    std::uint32_t before[3];
    for (int i = 0; i < 3; ++i) {
        before[i] = world.machine.used_slots(*servers[i]);
    }
    for (std::uint32_t i = 0; i < max_messages && input.remaining_bytes() != 0; ++i) {
        sim::Component& client = input.ConsumeIntegralInRange(0, 7) == 0 ? world.stranger : world.hostile;
        const Selector portal = portals[input.ConsumeIntegralInRange(0, 2)];
        const auto caps = input.ConsumeIntegralInRange<std::uint32_t>(0, Utcb::max_caps);
        const auto first = input.ConsumeIntegralInRange<std::uint32_t>(0, own_slots - 1);
        const auto bytes = fuzz::message(input, Utcb::data_size);
        demand(world.send(client, portal, bytes, caps, first) == Status::ok);
    }
    world.check_honest();
    demand(world.machine.used_slots(world.memory) == before[0]);
    demand(world.machine.used_slots(world.grant) == before[1]);
    demand(world.machine.used_slots(world.event) <= before[2] + ports_of_one_domain);
    return 0;
}
