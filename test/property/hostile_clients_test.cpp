// SPDX-License-Identifier: Apache-2.0
// Components against clients that send anything: random bytes, random Protobuf, broken copies of good requests, with
// whatever capabilities they have. No component may stop, none may keep what it was sent, and an honest client sees
// nothing of it. REQ-COMP-004
#include <catch2/catch.hpp>

#include <random>

#include "world.hpp"

using namespace bulkhead;
using namespace bulkhead::test;

namespace {

/// Bytes as an encoder of Protobuf would make them, with fields that mean nothing in particular.
class Forger {
public:
    explicit Forger(std::uint32_t seed) : random_{seed} {}

    std::uint32_t below(std::uint32_t limit) {
        return std::uniform_int_distribution<std::uint32_t>{0, limit - 1}(random_);
    }

    std::vector<std::uint8_t> bytes(std::size_t length) {
        std::vector<std::uint8_t> result(length);
        std::generate(result.begin(), result.end(), [&] { return static_cast<std::uint8_t>(random_()); });
        return result;
    }

    std::vector<std::uint8_t> message(int depth = 0) {
        std::vector<std::uint8_t> result;
        for (std::uint32_t fields = below(4) + 1; fields != 0; --fields) {
            const std::uint32_t number = below(14) + 1;
            if (depth < 3 && below(2) == 0) {
                const auto inside = message(depth + 1);
                varint(result, number << 3 | 2);
                varint(result, inside.size());
                result.insert(result.end(), inside.begin(), inside.end());
            } else {
                varint(result, number << 3);
                varint(result, value());
            }
        }
        return result;
    }

    /// One request of the right shape: operation `number` with fields of numbers.
    std::vector<std::uint8_t> request() {
        std::vector<std::uint8_t> inside;
        for (std::uint32_t field = 1; field <= 4; ++field) {
            if (below(5) != 0) {
                varint(inside, field << 3);
                varint(inside, value());
            }
        }
        std::vector<std::uint8_t> result;
        varint(result, (below(13) + 1) << 3 | 2);
        varint(result, inside.size());
        result.insert(result.end(), inside.begin(), inside.end());
        return result;
    }

    void damage(std::vector<std::uint8_t>& bytes) {
        if (!bytes.empty() && below(3) == 0) {
            bytes[below(static_cast<std::uint32_t>(bytes.size()))] ^= static_cast<std::uint8_t>(1u << below(8));
        }
        if (below(8) == 0) {
            bytes.resize(below(static_cast<std::uint32_t>(bytes.size()) + 1));
        }
    }

private:
    std::uint64_t value() {
        const std::uint64_t values[] = {0,      1,           2,           below(8),          below(4096),
                                        0x7ff0, 0xffff'ffff, 0x8000'0000, ~std::uint64_t{0}, random_()};
        return values[below(10)];
    }
    static void varint(std::vector<std::uint8_t>& to, std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) {
            to.push_back(static_cast<std::uint8_t>(value | 0x80));
        }
        to.push_back(static_cast<std::uint8_t>(value));
    }

    std::mt19937_64 random_;
};

} // namespace

TEST_CASE("whatever a client sends, components answer and keep nothing", "[property][REQ-COMP-004]") {
    const std::uint32_t seed = GENERATE(1u, 2u, 3u, 4u);
    World world;
    Forger forger{seed};
    for (sim::Component* client : {&world.hostile, &world.stranger}) {
        world.arm(*client);
    }
    const Selector portals[] = {slot::memory, slot::grant, slot::event};
    // What the hostile domain may have: its ports' senders.
    constexpr std::uint32_t ports_of_one_domain = 128;
    const std::uint32_t before[] = {world.machine.used_slots(world.memory), world.machine.used_slots(world.grant),
                                    world.machine.used_slots(world.event)};
    for (int i = 0; i < 4000; ++i) {
        auto bytes = forger.below(3) == 0   ? forger.bytes(forger.below(200))
                     : forger.below(2) == 0 ? forger.message()
                                            : forger.request();
        forger.damage(bytes);
        sim::Component& client = forger.below(4) == 0 ? world.stranger : world.hostile;
        const Selector portal = portals[forger.below(3)];
        const std::uint32_t caps = forger.below(4) == 0 ? forger.below(Utcb::max_caps + 1) : 0;
        const Status status = world.send(client, portal, bytes, caps, forger.below(own_slots));
        INFO("seed " << seed << ", message " << i << " to portal " << portal.value << ", first byte "
                     << (bytes.empty() ? 0 : bytes[0]));
        REQUIRE(status == Status::ok);
        if (i % 500 == 0) {
            world.check_honest();
        }
    }
    world.check_honest();
    CHECK(world.machine.used_slots(world.memory) == before[0]);
    CHECK(world.machine.used_slots(world.grant) == before[1]);
    CHECK(world.machine.used_slots(world.event) <= before[2] + ports_of_one_domain);
}
