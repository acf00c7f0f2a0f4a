// SPDX-License-Identifier: Apache-2.0
// services/console with a monitor that sends any bytes, a guest that writes anything into its ring, somebody who types,
// and a line that breaks. The component goes on serving the others, and keeps nothing that it was sent. REQ-COMP-004
#include <fuzzer/FuzzedDataProvider.h>

#include <console_world.hpp>

#include "demand.hpp"
#include "wire.hpp"

using namespace bulkhead;
using bulkhead::console::test::World;

namespace {

constexpr std::uint32_t max_steps = 64;

void send(World& world, const fuzz::Bytes& bytes) {
    world.machine.run_as(world.monitor, [&] {
        std::copy(bytes.begin(), bytes.end(), sys::utcb().data);
        demand(sys::call(slot::console, {static_cast<std::uint32_t>(bytes.size()), 0}).status == Status::ok);
    });
}

void scribble(World& world, FuzzedDataProvider& input) {
    xencons_interface& page = world.page();
    page.out_prod = input.ConsumeIntegral<XENCONS_RING_IDX>();
    page.out_cons = input.ConsumeIntegral<XENCONS_RING_IDX>();
    page.in_prod = input.ConsumeIntegral<XENCONS_RING_IDX>();
    page.in_cons = input.ConsumeIntegral<XENCONS_RING_IDX>();
    world.machine.run_as(world.monitor, [] { demand(sys::signal(World::knock) == Status::ok); });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input{data, size};
    World world;
    demand(world.add(world.builder, 2) == 0);
    const std::uint32_t used = world.machine.used_slots(world.console);
    for (std::uint32_t i = 0; i < max_steps && input.remaining_bytes() != 0; ++i) {
        switch (input.ConsumeIntegralInRange(0, 4)) {
        case 0:
            send(world, fuzz::message(input, Utcb::data_size));
            break;
        case 1:
            scribble(world, input);
            break;
        case 2:
            world.guest_says(input.ConsumeRandomLengthString(200));
            break;
        case 3:
            world.device.type(input.ConsumeRandomLengthString(64));
            world.interrupt();
            break;
        default:
            world.device.sends_at_once = input.ConsumeBool();
            world.device.tick(16);
            world.interrupt();
            break;
        }
    }
    world.device.sends_at_once = true;
    world.device.tick(16);
    world.interrupt();
    demand(!world.device.overrun);
    demand(world.log(world.builder, "still here\n", false) == 0);
    demand(world.machine.used_slots(world.console) == used);
    return 0;
}
