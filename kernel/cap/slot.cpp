// SPDX-License-Identifier: Apache-2.0
// The links of the derivation tree.
#include "cap/slot.hpp"

namespace bulkhead::kernel {

void tree_insert(Slot& slot, Slot* parent) {
    slot.parent = parent;
    slot.previous = nullptr;
    slot.next = nullptr;
    if (parent == nullptr) {
        return;
    }
    slot.next = parent->child;
    if (slot.next != nullptr) {
        slot.next->previous = &slot;
    }
    parent->child = &slot;
}

void tree_remove(Slot& slot) {
    if (slot.previous != nullptr) {
        slot.previous->next = slot.next;
    } else if (slot.parent != nullptr) {
        slot.parent->child = slot.next;
    }
    if (slot.next != nullptr) {
        slot.next->previous = slot.previous;
    }
    slot.parent = slot.next = slot.previous = nullptr;
}

void tree_promote_child(Slot& slot) {
    Slot* const child = slot.child;
    tree_remove(*child);
    tree_insert(*child, slot.parent);
}

void tree_replace(Slot& from, Slot& to) {
    to.parent = from.parent;
    to.child = from.child;
    to.next = from.next;
    to.previous = from.previous;
    if (from.previous != nullptr) {
        from.previous->next = &to;
    } else if (from.parent != nullptr) {
        from.parent->child = &to;
    }
    if (from.next != nullptr) {
        from.next->previous = &to;
    }
    for (Slot* c = to.child; c != nullptr; c = c->next) {
        c->parent = &to;
    }
    from.parent = from.child = from.next = from.previous = nullptr;
}

void mapping_list_insert(Slot*& head, Slot& slot) {
    slot.map_next = head;
    slot.map_previous = &head;
    if (head != nullptr) {
        head->map_previous = &slot.map_next;
    }
    head = &slot;
}

void mapping_list_remove(Slot& slot) {
    *slot.map_previous = slot.map_next;
    if (slot.map_next != nullptr) {
        slot.map_next->map_previous = slot.map_previous;
    }
    slot.map_next = nullptr;
    slot.map_previous = nullptr;
}

void mapping_list_replace(Slot& from, Slot& to) {
    to.map_next = from.map_next;
    to.map_previous = from.map_previous;
    *to.map_previous = &to;
    if (to.map_next != nullptr) {
        to.map_next->map_previous = &to.map_next;
    }
    from.map_next = nullptr;
    from.map_previous = nullptr;
}

bool has_more_children_than(const Slot& slot, std::uint32_t limit) {
    std::uint32_t seen = 0;
    for (const Slot* c = slot.child; c != nullptr; c = c->next) {
        if (++seen > limit) {
            return true;
        }
    }
    return false;
}

} // namespace bulkhead::kernel
