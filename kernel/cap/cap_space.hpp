// SPDX-License-Identifier: Apache-2.0
// A capability space: a flat table of slots. Slot 0 is never used.
#pragma once

#include "cap/object.hpp"

namespace bulkhead::kernel {

class CapSpace : public Object {
public:
    static constexpr std::uint64_t min_slots = 2;
    static constexpr std::uint64_t max_slots = 65536;

    /// The slots follow the object in memory. The caller has zeroed it, which is what an empty slot looks like: no loop
    /// over up to 65536 slots here.
    explicit CapSpace(std::uint32_t slots) : Object{ObjectType::cap_space, table(), slots}, slots_{slots} {}
    static_assert(sizeof(Slot) == cap_slot_bytes);
    static constexpr std::uint64_t bytes(std::uint64_t slots) { return sizeof(CapSpace) + slots * sizeof(Slot); }

    std::uint32_t slot_count() const { return slots_; }
    /// Null: no such slot. Constant time.
    Slot* lookup(Selector selector) {
        return selector.value != 0 && selector.value < slots_ ? table() + selector.value : nullptr;
    }

private:
    Slot* table() { return reinterpret_cast<Slot*>(this + 1); }

    std::uint32_t slots_;
};

} // namespace bulkhead::kernel
