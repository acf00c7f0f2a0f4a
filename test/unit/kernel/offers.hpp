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

/// The first word of a version 2 entry.
constexpr std::uint64_t header_for(std::uint64_t peer, std::uint64_t flags = permit) {
    return flags | peer << 16;
}

/// A guest: RAM at guest-physical 0, a table of entries, its guest-physical space, and what offers its pages.
struct Guest {
    static constexpr std::uint64_t ram_pages = 16;

    /// `status_pages`: behind the table, in the same Region.
    explicit Guest(System& system, std::uint32_t table_pages = 1, std::uint32_t status_pages = 0)
        : s{&system}, ram{system.make(ObjectType::region, ram_pages * page_size)}, ram_copy{system.next_free()},
          table{system.make(ObjectType::region, (table_pages + status_pages) * page_size)},
          stage2{system.make(ObjectType::stage2, 24)}, offers{system.make(ObjectType::offers, table_pages)},
          table_bytes{table_pages * page_size} {
        REQUIRE(capabilities.mint(system.slot(ram_copy), system.slot(ram), Rights::all, 0, 0) == Status::ok);
        REQUIRE(kernel::map(system.slot(ram_copy), system.object<Stage2>(stage2), 0, 7).status == Status::ok);
    }
    Status configure(Thread& by) {
        return s->invoke(by, offers, Method::offers_configure, table | std::uint64_t{stage2} << 32, ram);
    }
    std::uint64_t& entry(std::uint64_t index) {
        return reinterpret_cast<std::uint64_t*>(s->slot(table).capability.word)[index];
    }
    Status format(Thread& by, OfferFormat format) {
        return s->invoke(by, offers, Method::offers_format, static_cast<std::uint64_t>(format));
    }
    /// Version 2: the entry's words, and the one that has its marks.
    std::uint64_t* wide_entry(std::uint64_t index) { return &entry(2 * index); }
    void offer_wide(std::uint64_t index, std::uint64_t header, std::uint64_t gfn) {
        wide_entry(index)[1] = gfn;
        wide_entry(index)[0] = header;
    }
    std::uint16_t& status(std::uint64_t index) {
        return reinterpret_cast<std::uint16_t*>(s->slot(table).capability.word + table_bytes)[index];
    }
    HostPhys frame(std::uint64_t gfn) { return HostPhys{s->slot(ram).capability.word + gfn * page_size}; }

    System* s;
    std::uint32_t ram, ram_copy, table, stage2, offers;
    std::uint64_t table_bytes;
};

} // namespace bulkhead::kernel::test
