// SPDX-License-Identifier: Apache-2.0
// A slot: one capability, its place in the derivation tree and the mapping made through it.
// It must not know what any object type does.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead::kernel {

class Object;

/// What a component may do with one thing. Ranges (Untyped, Region, IoPorts, Interrupt, CpuTime) are described by the
/// capability itself; the other types name an Object.
struct Capability {
    ObjectType type{ObjectType::null};
    Rights rights{Rights::none};
    bool badged{false};     ///< Region: mapped through an Offers
    std::uint64_t word{0};  ///< Object*, or the first address, port, interrupt; CpuTime: mask of CPUs
    std::uint64_t size{0};  ///< ranges: length. CpuTime: highest priority. Interrupt: count
    std::uint64_t badge{0}; ///< Portal, EventSet, spaces, Region of an Offers. Untyped: bytes handed out

    bool names_object() const {
        return type == ObjectType::cap_space || type == ObjectType::offers ||
               (type >= ObjectType::address_space && type <= ObjectType::vcpu);
    }
    Object* object() const { return names_object() ? reinterpret_cast<Object*>(word) : nullptr; }
    /// Of a page that is mapped because an Offers said so. It can do nothing but go.
    bool pinned() const { return type == ObjectType::region && badged; }
};

/// How far a mapping has come: `map` and `unmap` are preemptible.
enum class MapState : std::uint8_t { none, mapping, mapped, unmapping };

struct Slot {
    Capability capability;

    //        parent
    //        child ------> next -> next      (siblings in one doubly linked list; parent.child is its head)
    Slot* parent{nullptr};
    Slot* child{nullptr};
    Slot* next{nullptr};
    Slot* previous{nullptr};

    // The mapping: which space, where, how far. Mapped slots of a space form a list, so that the space can forget them.
    Object* space{nullptr};
    std::uint64_t address{0};
    std::uint64_t progress{0}; ///< bytes mapped so far. Untyped: bytes from the start known to be zero or handed out
    Slot* map_next{nullptr};
    Slot** map_previous{nullptr}; ///< whatever points to this slot: the list's head or the previous slot's map_next
    MapState map_state{MapState::none};
    Status map_error{Status::ok}; ///< why a mapping that is being undone had failed; ok: it was asked to go

    bool empty() const { return capability.type == ObjectType::null; }
};

/// Links `slot` at the head of a space's list of mappings; takes it out; puts `to` in the place of `from`. Constant
/// time.
void mapping_list_insert(Slot*& head, Slot& slot);
void mapping_list_remove(Slot& slot);
void mapping_list_replace(Slot& from, Slot& to);

/// Links `slot` as first child of `parent` (null: a root of the forest). Constant time.
void tree_insert(Slot& slot, Slot* parent);
/// Takes `slot`, which has no children, out of the tree. Constant time.
void tree_remove(Slot& slot);
/// Gives the first child of `slot` to the slot's parent. Constant time.
void tree_promote_child(Slot& slot);
/// Puts `to` in the place of `from`, whose links are cleared. Time proportional to the number of children.
void tree_replace(Slot& from, Slot& to);
/// True if `slot` has more than `limit` children. Bounded by `limit`.
[[nodiscard]] bool has_more_children_than(const Slot& slot, std::uint32_t limit);

} // namespace bulkhead::kernel
