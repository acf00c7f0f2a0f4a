// SPDX-License-Identifier: Apache-2.0
// Components against clients that send anything: random bytes, random Protobuf, broken copies of good requests, with
// whatever capabilities they have. No component may stop, none may keep what it was sent, and an honest client sees
// nothing of it. REQ-COMP-004
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include <bulkhead/log.hpp>
#include <bulkhead/rpc.hpp>
#include <event/service.hpp>
#include <grant/service.hpp>
#include <memory/service.hpp>
#include <sim.hpp>

using namespace bulkhead;

namespace {

void drop_line(std::string_view) {}

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr Selector inbox{900};
constexpr std::uint32_t inbox_slots = 2;
constexpr Selector first_own{910}; ///< what the hostile client has to send
constexpr std::uint32_t own_slots = 4;
constexpr std::uint32_t own_untyped = 1; ///< of them

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

struct World {
    sim::Machine machine{64 * mib};
    sim::Component& memory = machine.add("memory");
    sim::Component& grant = machine.add("grant");
    sim::Component& event = machine.add("event");
    sim::Component& builder = machine.add("domain");
    sim::Component& hostile = machine.add("monitor of d1");
    sim::Component& honest = machine.add("monitor of d2");
    sim::Component& stranger = machine.add("nobody in particular");

    std::vector<std::uint64_t> bits = std::vector<std::uint64_t>(1024);
    std::vector<event::PortTable::Bucket> buckets = std::vector<event::PortTable::Bucket>(64);
    std::unique_ptr<memory::Service> memory_service = std::make_unique<memory::Service>(bits, 4096);
    std::unique_ptr<grant::Service> grant_service = std::make_unique<grant::Service>();
    std::unique_ptr<event::Service> event_service = std::make_unique<event::Service>(buckets, 4096);
    Server<memory::Service> memory_server{*memory_service, memory::window};
    Server<grant::Service> grant_server{*grant_service, grant::window};
    Server<event::Service> event_server{*event_service, event::window};

    World() {
        log_target().instead = drop_line;
        machine.give_untyped(memory, 16 * mib, slot::first_lendable);
        REQUIRE(memory_service->lender().add_source(slot::first_lendable, 16 * mib));
        connect(builder, ClientId::domain);
        connect(hostile, monitor_of(DomId{1}));
        connect(honest, monitor_of(DomId{2}));
        connect(stranger, static_cast<ClientId>(0xdead));
        machine.connect(memory, slot::grant, grant, ClientId::memory);
        machine.serve(memory, memory_server);
        machine.serve(grant, grant_server);
        machine.serve(event, event_server);
        machine.give_events(builder, Selector{801}, hostile, Rights::write | Rights::derive);
        machine.give_events(builder, Selector{802}, honest, Rights::write | Rights::derive);
        add_to_event(1);
        add_to_event(2);
    }

    void connect(sim::Component& client, ClientId badge) {
        machine.connect(client, slot::memory, memory, badge);
        machine.connect(client, slot::grant, grant, badge);
        machine.connect(client, slot::event, event, badge);
    }

    void add_to_event(std::uint32_t domain) {
        bulkhead_EventRequest request{};
        request.which_request = bulkhead_EventRequest_add_domain_tag;
        request.request.add_domain = {domain, 1, 128};
        const CapItem caps[] = {{800 + domain, Rights::write | Rights::derive, 0, 0}};
        bulkhead_EventReply reply{};
        machine.run_as(builder, [&] { REQUIRE(rpc(slot::event, request, reply, caps) == Status::ok); });
        REQUIRE(reply.result == 0);
    }

    /// Gives the client something of each kind to send along.
    void arm(sim::Component& client) {
        machine.make(client, ObjectType::region, page_size, first_own);
        machine.make(client, ObjectType::untyped, 16 * page_size, Selector{first_own.value + own_untyped});
        machine.make(client, ObjectType::event_set, 0, Selector{first_own.value + 2});
        machine.make(client, ObjectType::portal, 0, Selector{first_own.value + 3});
    }

    /// One call with these bytes; whatever capabilities come back are dropped.
    Status send(sim::Component& client, Selector portal, const std::vector<std::uint8_t>& bytes, Forger& forger) {
        Status status{};
        machine.run_as(client, [&] {
            Utcb& utcb = sys::utcb();
            std::copy(bytes.begin(), bytes.end(), utcb.data);
            const std::uint32_t caps = forger.below(4) == 0 ? forger.below(Utcb::max_caps + 1) : 0;
            const std::uint32_t first = forger.below(own_slots);
            for (std::uint32_t i = 0; i < caps; ++i) { // each once: the kernel refuses the same one twice
                utcb.caps[i] = {first_own.value + (first + i) % own_slots, Rights::all, 0, 0};
            }
            utcb.receive_selector = inbox.value;
            utcb.receive_count = inbox_slots;
            status = sys::call(portal, {static_cast<std::uint32_t>(bytes.size()), caps}).status;
            if (status == Status::bad_type && caps > (own_untyped + own_slots - first) % own_slots) {
                status = Status::ok; // the kernel does not copy an Untyped: nobody was called
            }
            for (std::uint32_t i = 0; i < inbox_slots; ++i) {
                (void)sys::remove(Selector{inbox.value + i});
            }
        });
        return status;
    }

    /// An honest domain gets a port, finds it as it should be, and gives it back.
    void check_honest() {
        bulkhead_EventRequest request{};
        bulkhead_EventReply reply{};
        request.which_request = bulkhead_EventRequest_bind_ipi_tag;
        request.request.bind_ipi = {};
        machine.run_as(honest, [&] { REQUIRE(rpc(slot::event, request, reply) == Status::ok); });
        REQUIRE(reply.result == 0);
        REQUIRE(reply.port == 1); // nobody else has taken one of its ports
        request.which_request = bulkhead_EventRequest_close_tag;
        request.request.close = {1};
        machine.run_as(honest, [&] { REQUIRE(rpc(slot::event, request, reply) == Status::ok); });
        REQUIRE(reply.result == 0);
    }
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
        const Status status = world.send(client, portal, bytes, forger);
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
