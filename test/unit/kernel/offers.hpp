// SPDX-License-Identifier: Apache-2.0
// Guests that offer pages, and somebody who maps them.
#pragma once

#include "object/mapping.hpp"
#include "object/offers.hpp"

#include "system.hpp"

namespace bulkhead::kernel::test {

/// The flags of an entry in Xen's names.
inline constexpr std::uint64_t permit = offer::access, readonly = offer::read_only, in_use = offer::reading,
                               written = offer::writing;

constexpr std::uint64_t entry_for(std::uint64_t peer, std::uint64_t frame, std::uint64_t flags = permit) {
    return flags | peer << 16 | frame << 32;
}

/// A guest: RAM at guest-physical 0, a table of entries, its guest-physical space, and what offers its pages.
struct Guest {
    static constexpr std::uint64_t ram_pages = 16;

    explicit Guest(System& system, std::uint32_t table_pages = 1)
        : s{&system}, ram{system.make(ObjectType::region, ram_pages * page_size)}, ram_copy{system.next_free()},
          table{system.make(ObjectType::region, table_pages * page_size)}, stage2{system.make(ObjectType::stage2, 24)},
          offers{system.make(ObjectType::offers, table_pages)} {
        REQUIRE(capabilities.mint(system.slot(ram_copy), system.slot(ram), Rights::all, 0, 0) == Status::ok);
        REQUIRE(kernel::map(system.slot(ram_copy), system.object<Stage2>(stage2), 0, 7).status == Status::ok);
    }
    Status configure(Thread& by) {
        return s->invoke(by, offers, Method::offers_configure, table | std::uint64_t{stage2} << 32, ram);
    }
    std::uint64_t& entry(std::uint64_t index) {
        return reinterpret_cast<std::uint64_t*>(s->slot(table).capability.word)[index];
    }
    HostPhys frame(std::uint64_t gfn) { return HostPhys{s->slot(ram).capability.word + gfn * page_size}; }

    System* s;
    std::uint32_t ram, ram_copy, table, stage2, offers;
};

} // namespace bulkhead::kernel::test
