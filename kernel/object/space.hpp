// SPDX-License-Identifier: Apache-2.0
// Spaces: page tables with their own pool of table pages and the list of what is mapped in them.
#pragma once

#include "cap/object.hpp"
#include "mem/direct_memory.hpp"

namespace bulkhead::kernel {

class Space : public Object {
public:
    static constexpr std::uint64_t min_pages = 2;
    static constexpr std::uint64_t max_pages = 65536;

    /// The first page holds the object, the second the root, the rest is the pool.
    Space(ObjectType type, HostPhys memory, std::uint64_t pages)
        : Object{type}, root_{memory.value + page_size}, next_fresh_{memory.value + 2 * page_size},
          fresh_end_{memory.value + pages * page_size} {}

    HostPhys root() const { return root_; }
    /// The pool, with enough pages for one bounded step as long as the space has any.
    PagePool& pool_for_step() {
        while (pool_.count() < pages_per_step && next_fresh_ < fresh_end_) {
            pool_.give(HostPhys{next_fresh_});
            next_fresh_ += page_size;
        }
        return pool_;
    }
    std::uint64_t free_pages() const { return pool_.count() + (fresh_end_ - next_fresh_) / page_size; }

    Slot* mappings{nullptr};
    /// Grows whenever a translation that a guest may have cached goes.
    std::uint64_t epoch{1};

private:
    /// A step of 512 leaves crosses at most one boundary at each level.
    static constexpr std::uint64_t pages_per_step = 8;

    HostPhys root_;
    std::uint64_t next_fresh_; ///< pool pages not handed out yet
    std::uint64_t fresh_end_;
    PagePool pool_;
};
static_assert(sizeof(Space) <= page_size);

class AddressSpace : public Space {
public:
    AddressSpace(HostPhys memory, std::uint64_t pages) : Space{ObjectType::address_space, memory, pages} {}
};

class Stage2 : public Space {
public:
    Stage2(HostPhys memory, std::uint64_t pages) : Space{ObjectType::stage2, memory, pages} {}
};

} // namespace bulkhead::kernel
