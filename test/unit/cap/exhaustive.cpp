// SPDX-License-Identifier: Apache-2.0
// Every sequence of a few operations in a tiny world: what random walks may miss, within a small scope nothing is.
#include "cap/capabilities.hpp"

#include <bulkhead/abi/methods.hpp>

#include <functional>

#include "world.hpp"

namespace bulkhead::kernel::test {

namespace {

using Operation = std::function<void(World&)>;

std::vector<Operation> operations() {
    std::vector<Operation> all;
    for (std::uint32_t to = 2; to <= 3; ++to) {
        all.push_back([to](World& w) { static_cast<void>(w.retype(1, ObjectType::region, 2 * page_size, to)); });
        all.push_back([to](World& w) { static_cast<void>(w.retype(1, ObjectType::cap_space, 4, to)); });
        all.push_back([to](World& w) { static_cast<void>(w.retype(1, ObjectType::untyped, 4 * page_size, to)); });
        all.push_back([to](World& w) { static_cast<void>(w.retype(5 - to, ObjectType::thread, 0, to)); });
        all.push_back([to](World& w) { static_cast<void>(w.mint(to, 5 - to)); });
        all.push_back([to](World& w) { static_cast<void>(w.mint(to, 5 - to, Rights::read, page_size)); });
        all.push_back([to](World& w) { static_cast<void>(w.move(to, 5 - to)); });
        all.push_back([to](World& w) { static_cast<void>(w.remove(to)); });
        all.push_back([to](World& w) { static_cast<void>(w.revoke(to)); });
        // Into a capability space that slot `to` names, be it itself or the other.
        all.push_back([to](World& w) {
            Object* const object = w.slot(to).capability.object();
            if (object != nullptr && object->type() == ObjectType::cap_space) {
                auto& inner = static_cast<CapSpace&>(*object);
                static_cast<void>(w.caps.mint(*inner.lookup(Selector{1}), w.slot(to), Rights::all, 0, 0));
                static_cast<void>(w.caps.move(*inner.lookup(Selector{2}), w.slot(5 - to)));
            }
        });
    }
    all.push_back([](World& w) { static_cast<void>(w.revoke(1)); });
    return all;
}

/// Small enough to be made thousands of times.
constexpr std::uint32_t tiny = 4;

} // namespace

TEST_CASE("REQ-CAP-001 every sequence of three operations keeps every invariant", "[cap][property]") {
    const std::vector<Operation> all = operations();
    for (const Operation& first : all) {
        for (const Operation& second : all) {
            for (const Operation& third : all) {
                World w{tiny};
                w.preempt_every = 2;
                for (const Operation* operation : {&first, &second, &third}) {
                    (*operation)(w);
                    w.check();
                }
                REQUIRE(w.revoke(1) == Status::ok);
                REQUIRE(w.alive.empty());
            }
        }
    }
}

} // namespace bulkhead::kernel::test
