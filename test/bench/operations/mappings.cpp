// SPDX-License-Identifier: Apache-2.0
// Rows of stage 2: nobody runs a guest in it, so no CPU has to forget a translation.
#include "operations.hpp"

namespace bulkhead::operations {
namespace {

constexpr std::uint32_t many = 512;
constexpr std::uint64_t large_place = 4 * large_page_size;
constexpr std::uint64_t table_pages = 16;
constexpr Rights full = Rights::read | Rights::write | Rights::execute;

void measure_map_and_unmap(const char* map_row, const char* unmap_row, Selector pages, std::uint64_t address) {
    const auto map = [=] { return sys::map(pages, own_slot::stage2, address, full); };
    sample(map_row, rounds, [=] {
        const Timed mapped = timed(map);
        expect(mapped.status == Status::ok && sys::unmap(pages) == Status::ok, map_row);
        return mapped.ticks;
    });
    sample(unmap_row, rounds, [=] {
        expect_ok(map(), unmap_row);
        const Timed unmapped = timed([=] { return sys::unmap(pages); });
        expect_ok(unmapped.status, unmap_row);
        return unmapped.ticks;
    });
}

/// Each descendant is a page that is mapped.
void measure_revoke() {
    sample("revoke_512_mapped", long_rounds, [] {
        for (std::uint32_t i = 0; i < many; ++i) {
            expect_ok(sys::mint(slot::cap_space, derived(i), own_slot::pages, full, i * page_size, page_size), "mint");
            expect_ok(sys::map(derived(i), own_slot::stage2, i * page_size, full), "map for revoke");
        }
        const Timed revoke = timed([] { return sys::revoke(own_slot::pages); });
        expect(revoke.status == Status::ok && is_empty(derived(many - 1)), "revoke_512_mapped");
        return revoke.ticks;
    });
}

} // namespace

void measure_mappings() {
    make(ObjectType::stage2, table_pages, own_slot::stage2);
    make(ObjectType::region, page_size, own_slot::page);
    make(ObjectType::region, many * page_size, own_slot::pages);
    measure_map_and_unmap("stage2_map", "stage2_unmap", own_slot::page, 0);
    // Not where a large page could be.
    measure_map_and_unmap("stage2_map_512", "stage2_unmap_512", own_slot::pages, large_page_size + page_size);
    measure_map_and_unmap("stage2_map_large", "stage2_unmap_large", own_slot::pages, large_place);
    measure_revoke();
}

} // namespace bulkhead::operations
