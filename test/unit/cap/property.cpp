// SPDX-License-Identifier: Apache-2.0
// Random sequences of operations, from several seeds, with preemption at random points: the invariants hold after each.
#include "cap/capabilities.hpp"

#include <bulkhead/abi/methods.hpp>

#include <random>

#include "world.hpp"

namespace bulkhead::kernel::test {

namespace {

class Walk {
public:
    Walk(World& world, std::uint32_t seed) : world_{world}, random_{seed} {}

    void step() {
        switch (below(10)) {
        case 0:
        case 1:
        case 2:
            retype();
            break;
        case 3:
        case 4:
        case 5:
            mint();
            break;
        case 6:
            static_cast<void>(world_.move(any(), any()));
            break;
        case 7:
        case 8:
            remove();
            break;
        default:
            revoke();
            break;
        }
        world_.check();
    }

private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
    std::uint32_t any() { return 1 + below(World::slots - 1); }

    void retype() {
        static constexpr ObjectType types[] = {ObjectType::untyped, ObjectType::region,    ObjectType::cap_space,
                                               ObjectType::thread,  ObjectType::event_set, ObjectType::portal};
        const ObjectType type = types[below(6)];
        std::uint64_t size = 0;
        if (type == ObjectType::untyped || type == ObjectType::region) {
            size = (1 + below(40)) * page_size;
        } else if (type == ObjectType::cap_space) {
            size = 2 + below(20);
        }
        static_cast<void>(world_.retype(any(), type, size, any(), 1 + below(2)));
    }

    void mint() {
        std::uint64_t a = 0;
        std::uint64_t b = 0;
        const std::uint32_t from = any();
        switch (world_.slot(from).capability.type) {
        case ObjectType::region:
            a = below(8) * page_size;
            b = below(8) * page_size;
            break;
        case ObjectType::portal:
        case ObjectType::event_set:
            a = below(2) == 0 ? 0 : (below(100) | mint_badged);
            break;
        default:
            break;
        }
        const auto rights = static_cast<Rights>(below(64)) | (below(4) != 0 ? Rights::derive : Rights::none);
        const std::uint32_t to = any();
        // Sometimes into a capability space that the walk has made, at times its own.
        Object* const object = world_.slot(any()).capability.object();
        if (object != nullptr && object->type() == ObjectType::cap_space) {
            auto& inner = static_cast<CapSpace&>(*object);
            Slot& slot = *inner.lookup(Selector{1 + below(inner.slot_count() - 1)});
            if (below(3) == 0) {
                static_cast<void>(world_.caps.move(slot, world_.slot(from)));
            } else {
                static_cast<void>(world_.caps.mint(slot, world_.slot(from), rights, a, b));
            }
            return;
        }
        static_cast<void>(world_.mint(to, from, rights, a, b));
    }

    /// Slot 1 is the root of everything: it stays.
    void remove() {
        const std::uint32_t at = any();
        if (&world_.slot(at) != &world_.slot(1)) {
            static_cast<void>(world_.remove(at));
        }
    }

    void revoke() {
        const std::uint32_t at = below(20) == 0 ? 1 : any();
        const bool live = !world_.slot(at).empty();
        if (world_.revoke(at) == Status::ok && live) {
            REQUIRE(world_.descendants(at) == 0);
        }
    }

    World& world_;
    std::mt19937 random_;
};

} // namespace

TEST_CASE("REQ-CAP-001 random sequences keep every invariant", "[cap][property]") {
    const auto seed = GENERATE(range(1u, 41u));
    World w;
    w.preempt_every = seed % 5;
    Walk walk{w, seed};
    for (int i = 0; i < 600; ++i) {
        walk.step();
    }
    // Whatever was built, revoking the first Untyped takes all of it back.
    if (w.slot(1).capability.type == ObjectType::untyped) {
        REQUIRE(w.revoke(1) == Status::ok);
        CHECK(w.alive.empty());
        CHECK(w.retype(1, ObjectType::region, World::memory_bytes, 2) == Status::ok);
    }
}

} // namespace bulkhead::kernel::test
