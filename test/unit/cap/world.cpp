// SPDX-License-Identifier: Apache-2.0
#include "world.hpp"

#include <cstring>
#include <new>

#include "base/panic.hpp"

namespace bulkhead::kernel {

void panic(const char* what) {
    FAIL("kernel panic: " << what);
    std::abort();
}

namespace test {

namespace {

/// An object that only exists.
class Plain : public Object {
public:
    explicit Plain(ObjectType type) : Object{type} {}
};

std::uint64_t address_of(std::vector<std::uint8_t>& bytes) {
    const auto raw = reinterpret_cast<std::uint64_t>(bytes.data());
    return (raw + page_size - 1) & ~(page_size - 1);
}

bool overlap(const Capability& a, const Capability& b) {
    return a.word < b.word + b.size && b.word < a.word + a.size;
}

bool is_ancestor(const Slot* ancestor, const Slot* slot) {
    for (; slot != nullptr; slot = slot->parent) {
        if (slot == ancestor) {
            return true;
        }
    }
    return false;
}

} // namespace

World::World(std::uint32_t slot_count) : memory(memory_bytes + page_size) {
    space_memory_.resize(CapSpace::bytes(slot_count) + 64);
    const auto raw = reinterpret_cast<std::uint64_t>(space_memory_.data());
    space = new (reinterpret_cast<void*>((raw + 63) & ~std::uint64_t{63})) CapSpace{slot_count};
    Capability untyped;
    untyped.type = ObjectType::untyped;
    untyped.rights = Rights::all;
    untyped.word = address_of(memory);
    untyped.size = memory_bytes;
    caps.insert_root(slot(1), untyped);
    std::memset(reinterpret_cast<void*>(untyped.word), 0xa5, memory_bytes); // what firmware left
}

std::uint64_t World::object_bytes(ObjectType type, std::uint64_t size, std::uint64_t& alignment) {
    alignment = page_size;
    switch (type) {
    case ObjectType::untyped:
    case ObjectType::region:
        return size % page_size == 0 ? size : 0;
    case ObjectType::cap_space:
        return size >= CapSpace::min_slots && size <= 256 ? CapSpace::bytes(size) : 0;
    case ObjectType::portal:
        alignment = 64;
        return size == 0 ? sizeof(Plain) : 0;
    case ObjectType::thread:
    case ObjectType::event_set:
        return size == 0 ? page_size : 0;
    default:
        return 0;
    }
}

void World::zero(HostPhys at, std::uint64_t bytes) {
    std::memset(reinterpret_cast<void*>(at.value), 0, bytes);
}

Object* World::construct(ObjectType type, HostPhys at, std::uint64_t size) {
    auto* const bytes = reinterpret_cast<std::uint8_t*>(at.value);
    std::uint64_t alignment = 0;
    for (std::uint64_t i = 0; i < object_bytes(type, size, alignment); ++i) {
        REQUIRE(bytes[i] == 0); // objects are made in zeroed memory only
    }
    Object* object = nullptr;
    if (type == ObjectType::cap_space) {
        object = new (bytes) CapSpace{static_cast<std::uint32_t>(size)};
    } else {
        object = new (bytes) Plain{type};
    }
    alive.insert(object);
    return object;
}

Step World::destroy(Object& object) {
    // Takes three steps and once has to wait for another CPU.
    const std::uint32_t step = destroy_steps_[&object]++;
    if (step < 2) {
        return step == 0 ? Step::more : Step::wait;
    }
    alive.erase(&object);
    return Step::done;
}

Step World::unmap(Slot& slot_to_unmap) {
    if (slot_to_unmap.progress != 0) {
        slot_to_unmap.progress -= page_size;
        return Step::more;
    }
    mapping_list_remove(slot_to_unmap);
    slot_to_unmap.space = nullptr;
    slot_to_unmap.map_state = MapState::none;
    return Step::done;
}

bool World::preempt() {
    return preempt_every != 0 && ++asked_ % preempt_every == 0;
}

void World::map(std::uint32_t at, Object& where) {
    Slot& s = slot(at);
    s.space = &where;
    s.progress = 3 * page_size;
    s.map_state = MapState::mapped;
    mapping_list_insert(head_of_mappings, s);
}

std::vector<Slot*> World::all_slots() {
    std::vector<Slot*> result;
    std::vector<CapSpace*> spaces{space};
    for (Object* object : alive) {
        if (object->type() == ObjectType::cap_space) {
            spaces.push_back(static_cast<CapSpace*>(object));
        }
    }
    for (CapSpace* s : spaces) {
        for (std::uint32_t i = 1; i < s->slot_count(); ++i) {
            if (Slot* const found = s->lookup(Selector{i}); !found->empty()) {
                result.push_back(found);
            }
        }
    }
    return result;
}

void World::check_slot(Slot& s, std::map<Object*, std::uint32_t>& named) {
    const Capability& c = s.capability;
    if (Object* const object = c.object()) {
        REQUIRE(alive.count(object) == 1);
        REQUIRE_FALSE(object->dying());
        ++named[object];
    }
    for (const Slot* child = s.child; child != nullptr; child = child->next) {
        REQUIRE(child->parent == &s);
        REQUIRE((child->next == nullptr || child->next->previous == child));
        REQUIRE((child->previous != nullptr || s.child == child));
        REQUIRE_FALSE(child->empty());
        const Capability& d = child->capability;
        if (c.type == d.type && c.type != ObjectType::untyped) {
            REQUIRE(includes(c.rights, d.rights));
            REQUIRE((!c.badged || (d.badged && d.badge == c.badge)));
        }
        if (c.type == ObjectType::untyped || c.type == ObjectType::region) {
            const std::uint64_t length = d.names_object() ? 1 : d.size;
            REQUIRE(d.word >= c.word);
            REQUIRE(d.word + length <= c.word + c.size);
        }
    }
}

void World::check_ranges(const std::vector<Slot*>& all) {
    for (const Slot* a : all) {
        for (const Slot* b : all) {
            const bool ranges =
                (a->capability.type == ObjectType::untyped || a->capability.type == ObjectType::region) &&
                (b->capability.type == ObjectType::untyped || b->capability.type == ObjectType::region);
            if (a == b || !ranges || !overlap(a->capability, b->capability)) {
                continue;
            }
            // Derived from one another, or both from the same Region.
            const bool related = is_ancestor(a, b) || is_ancestor(b, a) ||
                                 (a->capability.type == ObjectType::region && b->capability.type == ObjectType::region);
            REQUIRE(related);
        }
    }
}

void World::check() {
    const std::vector<Slot*> all = all_slots();
    std::map<Object*, std::uint32_t> named;
    for (Slot* s : all) {
        check_slot(*s, named);
    }
    for (Object* object : alive) {
        // One that is being destroyed has no slot in any table any more.
        REQUIRE((object->dying() ? named[object] == 0 : named[object] == object->capability_count()));
    }
    check_ranges(all);
}

std::size_t World::descendants(std::uint32_t index) {
    std::size_t count = 0;
    std::vector<const Slot*> open{&slot(index)};
    while (!open.empty()) {
        const Slot* const s = open.back();
        open.pop_back();
        for (const Slot* c = s->child; c != nullptr; c = c->next) {
            ++count;
            open.push_back(c);
        }
    }
    return count;
}

} // namespace test
} // namespace bulkhead::kernel
