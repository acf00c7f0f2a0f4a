// SPDX-License-Identifier: Apache-2.0
// Batches of GNTTABOP_copy and GNTTABOP_map_grant_ref while their elements change. The pages are the guest's own,
// granted to itself: what was copied and what is mapped say which reading it was.
#include <bulkhead/xen.hpp>

#include "races.hpp"

namespace bulkhead::guest::races {

namespace {

struct alignas(page_bytes) Page {
    volatile std::uint32_t word[page_bytes / 4];
};
Page table;
// Neighbours: the numbers of their frames differ in one bit.
alignas(2 * page_bytes) Page sources[2];
Page dest;

constexpr grant_ref_t copy_refs = 8, map_refs = 16; ///< even: sources[0]; odd: sources[1]
constexpr std::uint32_t copies = 8, maps = 4;

/// Grants of one's own name the domain: there is no DOMID_SELF for them.
domid_t self() {
    return static_cast<domid_t>(number_of("self", 1));
}
std::uint32_t content(std::uint32_t page, std::uint32_t word) {
    return 0xa000'0000 + page * 0x10'0000 + word;
}

volatile grant_entry_v1_t& entry(grant_ref_t ref) {
    void* first = &table;
    return static_cast<volatile grant_entry_v1_t*>(first)[ref];
}
std::uint16_t marks(grant_ref_t ref) {
    return entry(ref).flags & (GTF_reading | GTF_writing);
}
void offer_to_self(grant_ref_t ref) {
    entry(ref).frame = static_cast<std::uint32_t>(frame_of(&sources[ref % 2]));
    entry(ref).domid = self();
    __atomic_store_n(&entry(ref).flags, std::uint16_t{GTF_permit_access}, __ATOMIC_RELEASE);
}

std::int64_t grant_op(std::uint32_t operation, void* ops, std::uint32_t count) {
    return hypercall(__HYPERVISOR_grant_table_op, operation, address_of(ops), count);
}

void set_up() {
    static bool done = false;
    if (done) {
        return;
    }
    done = true;
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_grant_table;
    add.gpfn = static_cast<xen_pfn_t>(frame_of(&table));
    check(hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add) == 0, "mapping the grant table");
    for (std::uint32_t page = 0; page < 2; ++page) {
        for (std::uint32_t i = 0; i < page_bytes / 4; ++i) {
            sources[page].word[i] = content(page, i);
        }
        for (std::uint32_t i = 0; i < maps; ++i) {
            offer_to_self(map_refs + 2 * i + page);
        }
        offer_to_self(copy_refs + page);
    }
}

// --- copies

constexpr std::uint32_t short_copy = 16, long_copy = 64, room = 128, nothing = 0xeeee'eeee;
constexpr std::uint32_t bad_offset = 0x8000;

alignas(8) gnttab_copy copy_ops[copies];

bool by_ref(std::uint32_t i) {
    return i >= copies / 2;
}

void prepare_copy(std::uint32_t i) {
    gnttab_copy& op = copy_ops[i];
    op = {};
    op.source.domid = op.dest.domid = DOMID_SELF;
    op.dest.u.gmfn = static_cast<xen_pfn_t>(frame_of(&dest));
    op.flags = by_ref(i) ? GNTCOPY_source_gref : 0;
    op.status = 99;
}

/// Three words of each element change.
void flip_copy(Race& race, std::uint32_t i) {
    gnttab_copy& op = copy_ops[i];
    const auto what = by_ref(i) ? copy_refs : static_cast<std::uint32_t>(frame_of(&sources[0]));
    race.flip(&op.source.u, what, what + 1);
    const std::uint32_t offset = (i * room) << 16 | DOMID_SELF;
    race.flip(&op.dest.domid, offset, offset | bad_offset << 16);
    const auto flags = static_cast<std::uint32_t>(op.flags) << 16;
    race.flip(&op.len, flags | short_copy, flags | long_copy);
}
static_assert(offsetof(gnttab_copy, flags) == offsetof(gnttab_copy, len) + 2 && offsetof(gnttab_copy, len) % 4 == 0);
static_assert(offsetof(gnttab_copy::gnttab_copy_ptr, offset) == offsetof(gnttab_copy::gnttab_copy_ptr, domid) + 2);

/// What element i has done is what one reading of each word would do.
void check_copy(std::uint32_t i, Tally& pages, Tally& offsets, Tally& lengths) {
    const volatile std::uint32_t* const word = dest.word + i * room / 4;
    const std::int64_t status = copy_ops[i].status;
    check(status == GNTST_okay || status == GNTST_bad_copy_arg, "status of a copy", status);
    const bool done = status == GNTST_okay;
    offsets.saw(!done);
    const bool second = done && word[0] == content(1, 0);
    std::uint32_t length = 0;
    if (done) {
        length = word[short_copy / 4] == nothing ? short_copy : long_copy;
        pages.saw(second);
        lengths.saw(length == long_copy);
    }
    for (std::uint32_t k = 0; k < room / 4; ++k) {
        check(word[k] == (k < length / 4 ? content(second ? 1 : 0, k) : nothing), "what was copied", word[k]);
    }
}

// --- mappings

constexpr std::uint64_t holes = 0x4000'0000; ///< above RAM

alignas(8) gnttab_map_grant_ref map_ops[maps];

std::uint64_t hole(std::uint32_t i, bool second) {
    return holes + (2 * i + (second ? 1 : 0)) * page_bytes;
}

void flip_map(Race& race, std::uint32_t i) {
    gnttab_map_grant_ref& op = map_ops[i];
    op = {};
    op.dom = self();
    const std::uint32_t ref = map_refs + 2 * i;
    race.flip(&op.host_addr, static_cast<std::uint32_t>(hole(i, false)), static_cast<std::uint32_t>(hole(i, true)));
    race.flip(&op.ref, ref, ref + 1);
    constexpr std::uint32_t bad_flags = GNTMAP_host_map | GNTMAP_contains_pte;
    race.flip(&op.flags, GNTMAP_host_map, (i & 2) != 0 ? bad_flags : GNTMAP_host_map | GNTMAP_readonly);
}

void check_map(std::uint32_t i, Tally& places, Tally& refs, Tally& refusals) {
    const gnttab_map_grant_ref& op = map_ops[i];
    const std::uint32_t ref = map_refs + 2 * i;
    const bool done = op.status == GNTST_okay;
    check(done || ((i & 2) != 0 && op.status == GNTST_general_error), "status of a mapping", op.status);
    refusals.saw(!done);
    if (!done) {
        check(is_hole(hole(i, false) / page_bytes) && is_hole(hole(i, true) / page_bytes), "a mapping that was refused",
              i);
        check(marks(ref) == 0 && marks(ref + 1) == 0, "marks of one that was refused", i);
        return;
    }
    const bool at_second = op.dev_bus_addr == hole(i, true);
    check(at_second || op.dev_bus_addr == hole(i, false), "where it is mapped",
          static_cast<std::int64_t>(op.dev_bus_addr));
    check(is_hole(hole(i, !at_second) / page_bytes), "the other place", i);
    const std::uint32_t seen = first_word(hole(i, at_second) / page_bytes);
    const bool second = seen == content(1, 0);
    check(second || seen == content(0, 0), "what is mapped", seen);
    check((marks(ref + 1) != 0) == second && (marks(ref) != 0) == !second, "marks of what is mapped", marks(ref));
    places.saw(at_second);
    refs.saw(second);
    gnttab_unmap_grant_ref unmap{};
    unmap.host_addr = op.dev_bus_addr;
    unmap.handle = op.handle;
    check(grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1) == 0 && unmap.status == GNTST_okay, "unmapping", unmap.status);
    check(marks(ref) == 0 && marks(ref + 1) == 0, "marks of what was unmapped", i);
}

} // namespace

void race_copies() {
    set_up();
    Tally pages{"pages copied from"};
    Tally offsets{"offsets of copies"};
    Tally lengths{"lengths of copies"};
    Race race;
    for (std::uint32_t i = 0; i < copies; ++i) {
        prepare_copy(i);
        flip_copy(race, i);
    }
    race.start();
    for (std::uint32_t round = 0; round < 100 && all_good(); ++round) {
        for (volatile std::uint32_t& word : dest.word) {
            word = nothing;
        }
        const auto copy = [] { return grant_op(GNTTABOP_copy, copy_ops, copies); };
        const auto result = pages.call([&] { return offsets.call([&] { return lengths.call(copy); }); });
        check(result == 0, "copying", result);
        for (std::uint32_t i = 0; i < copies; ++i) {
            check_copy(i, pages, offsets, lengths);
        }
    }
    pages.end();
    offsets.end();
    lengths.end();
}

void race_mappings() {
    set_up();
    Tally places{"places of mappings"};
    Tally refs{"references mapped"};
    Tally refusals{"flags of mappings"};
    Race race;
    for (std::uint32_t i = 0; i < maps; ++i) {
        flip_map(race, i);
    }
    race.start();
    for (std::uint32_t round = 0; round < 100 && all_good(); ++round) {
        const auto map = [] { return grant_op(GNTTABOP_map_grant_ref, map_ops, maps); };
        const auto result = places.call([&] { return refs.call([&] { return refusals.call(map); }); });
        check(result == 0, "mapping", result);
        for (std::uint32_t i = 0; i < maps; ++i) {
            check_map(i, places, refs, refusals);
        }
    }
    places.end();
    refs.end();
    refusals.end();
}

} // namespace bulkhead::guest::races
