// SPDX-License-Identifier: Apache-2.0
// A world for the capability library: host memory as physical memory, objects that only exist, mappings that only
// count, and an interrupt that waits whenever a test wants one. Also the check of every invariant that capabilities.hpp
// promises.
#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cap/capabilities.hpp"

namespace bulkhead::kernel::test {

class World final : public Environment {
public:
    static constexpr std::uint64_t memory_bytes = 1u << 20;
    static constexpr std::uint32_t slots = 32;

    explicit World(std::uint32_t slot_count = slots);

    std::uint64_t object_bytes(ObjectType type, std::uint64_t size, std::uint64_t& alignment) override;
    void zero(HostPhys memory, std::uint64_t bytes) override;
    Object* construct(ObjectType type, HostPhys memory, std::uint64_t size) override;
    Step destroy(Object& object) override;
    Step unmap(Slot& slot) override;
    bool preempt() override;

    Slot& slot(std::uint32_t index) { return *space->lookup(Selector{index}); }
    /// Runs a preemptible operation to its end, as a thread that restarts its system call does.
    template <typename Operation> Status finish(Operation operation) {
        for (;;) {
            const Completion done = operation();
            check();
            if (!done.preempted) {
                return done.status;
            }
            ++preemptions;
        }
    }
    Status retype(std::uint32_t untyped, ObjectType type, std::uint64_t size, std::uint32_t at,
                  std::uint32_t count = 1) {
        return finish([&] { return caps.retype(slot(untyped), type, size, *space, Selector{at}, count); });
    }
    Status remove(std::uint32_t at) {
        bool emptied = false;
        return finish([&] {
            const Completion done = emptied ? caps.finish() : caps.remove(slot(at));
            emptied = slot(at).empty();
            return done;
        });
    }
    Status revoke(std::uint32_t at) {
        return finish([&] { return caps.revoke(slot(at)); });
    }
    Status mint(std::uint32_t to, std::uint32_t from, Rights rights = Rights::all, std::uint64_t a = 0,
                std::uint64_t b = 0) {
        return caps.mint(slot(to), slot(from), rights, a, b);
    }
    Status move(std::uint32_t to, std::uint32_t from) { return caps.move(slot(to), slot(from)); }
    /// Pretends that the capability is mapped in `where`.
    void map(std::uint32_t at, Object& where);

    /// Every invariant, over the whole forest. Fails the test that runs.
    void check();
    /// Descendants of a slot.
    std::size_t descendants(std::uint32_t index);

    Capabilities caps{*this};
    std::vector<std::uint8_t> memory; ///< "physical" memory, address 0 at its aligned start
    CapSpace* space;
    Slot* head_of_mappings{nullptr};
    std::uint32_t preempt_every{0}; ///< 0: no interrupt ever waits
    std::uint32_t preemptions{0};
    std::set<Object*> alive; ///< constructed and not destroyed

private:
    void check_slot(Slot& slot, std::map<Object*, std::uint32_t>& named);
    void check_ranges(const std::vector<Slot*>& all);
    std::vector<Slot*> all_slots();

    std::vector<std::uint8_t> space_memory_;
    std::uint32_t asked_{0};
    std::map<Object*, std::uint32_t> destroy_steps_;
};

} // namespace bulkhead::kernel::test
