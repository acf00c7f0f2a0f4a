// SPDX-License-Identifier: Apache-2.0
// XENMEM_decrease_reservation and XENMEM_populate_physmap while the extents, the pointer to them, their order or their
// number change: which pages are gone says what was read.
#include <bulkhead/xen.hpp>

#include "races.hpp"

namespace bulkhead::guest::races {

namespace {

constexpr std::uint64_t play_gfn = 0x800; ///< RAM that nothing else uses
constexpr std::uint32_t short_list = 32, long_list = 256;

// The second list's address differs from the first's in one bit.
alignas(2 * long_list * sizeof(xen_pfn_t)) xen_pfn_t lists[2][long_list];
xen_pfn_t repair[2 * long_list]; ///< nobody changes it
alignas(8) xen_memory_reservation argument;

void prepare(xen_memory_reservation& r, const xen_pfn_t* list, std::uint32_t count, std::uint32_t order = 0) {
    r = {};
    r.extent_start.p = const_cast<xen_pfn_t*>(list);
    r.nr_extents = count;
    r.extent_order = order;
    r.domid = DOMID_SELF;
}
std::int64_t change(std::uint32_t op, xen_memory_reservation& r) {
    return hypercall(__HYPERVISOR_memory_op, op, r);
}
std::uint64_t reservation() {
    xen_memory_domain self{DOMID_SELF};
    return number(hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, self));
}

/// All pages of the play area that are (not) there get so.
void change_all(std::uint32_t op, bool holes, std::uint32_t pages) {
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < pages; ++i) {
        if (is_hole(play_gfn + i) == holes) {
            repair[count++] = static_cast<xen_pfn_t>(play_gfn + i);
        }
    }
    xen_memory_reservation r;
    prepare(r, repair, count);
    check(change(op, r) == count, "pages that are put right", count);
}

/// Each element is the even or the odd page of a pair.
void race_elements(std::uint32_t op, const char* name) {
    Tally tally{name};
    Race race;
    const bool giving = op == XENMEM_decrease_reservation;
    const std::uint64_t all = reservation();
    for (std::uint32_t i = 0; i < short_list; ++i) {
        const auto even = static_cast<std::uint32_t>(play_gfn + 2 * i);
        lists[0][i] = 0;
        race.flip(&lists[0][i], even, even + 1);
    }
    prepare(argument, lists[0], short_list);
    race.start();
    for (std::uint32_t round = 0; round < 40 && all_good(); ++round) {
        if (!giving) {
            change_all(XENMEM_decrease_reservation, false, 2 * short_list);
        }
        const std::int64_t done = tally.call([&] { return change(op, argument); });
        check(done == short_list, name, done);
        for (std::uint32_t i = 0; i < short_list; ++i) {
            const bool even = is_hole(play_gfn + 2 * i) == giving;
            const bool odd = is_hole(play_gfn + 2 * i + 1) == giving;
            check(even != odd, "one of two pages has changed", i);
            tally.saw(odd);
        }
        check(reservation() == all - short_list, "the reservation");
        change_all(XENMEM_populate_physmap, true, 2 * short_list);
    }
    tally.end();
}

/// One list or the other, each so long that the call pauses several times.
void race_pointer() {
    Tally tally{"pointer to a long list"};
    Race race;
    for (std::uint32_t i = 0; i < long_list; ++i) {
        lists[0][i] = static_cast<xen_pfn_t>(play_gfn + i);
        lists[1][i] = static_cast<xen_pfn_t>(play_gfn + long_list + i);
    }
    prepare(argument, lists[0], long_list);
    race.flip(&argument.extent_start, static_cast<std::uint32_t>(address_of(lists[0])),
              static_cast<std::uint32_t>(address_of(lists[1])));
    race.start();
    for (std::uint32_t round = 0; round < 48 && all_good(); ++round) {
        const std::int64_t done = tally.call([] { return change(XENMEM_decrease_reservation, argument); });
        check(done == long_list, "a long list", done);
        const bool second = !is_hole(play_gfn);
        for (std::uint32_t i = 0; i < long_list; ++i) {
            check(is_hole(play_gfn + i) != second && is_hole(play_gfn + long_list + i) == second, "all of one list", i);
        }
        tally.saw(second);
        change_all(XENMEM_populate_physmap, true, 2 * long_list);
    }
    tally.end();
}

/// Single pages or pairs of them.
void race_order() {
    Tally tally{"order of extents"};
    Race race;
    const std::uint64_t all = reservation();
    for (std::uint32_t i = 0; i < short_list; ++i) {
        lists[0][i] = static_cast<xen_pfn_t>(play_gfn + 2 * i);
    }
    prepare(argument, lists[0], short_list);
    race.flip(&argument.extent_order, 0, 1);
    race.start();
    for (std::uint32_t round = 0; round < 40 && all_good(); ++round) {
        const std::int64_t done = tally.call([] { return change(XENMEM_decrease_reservation, argument); });
        check(done == short_list, "extents of an order", done);
        const bool pairs = is_hole(play_gfn + 1);
        for (std::uint32_t i = 0; i < short_list; ++i) {
            check(is_hole(play_gfn + 2 * i) && is_hole(play_gfn + 2 * i + 1) == pairs, "all of one order", i);
        }
        check(reservation() == all - (pairs ? 2 : 1) * short_list, "the reservation after one order");
        tally.saw(pairs);
        change_all(XENMEM_populate_physmap, true, 2 * short_list);
    }
    tally.end();
}

/// As many as there are, or more than any list may have.
void race_number() {
    constexpr std::uint32_t too_many = 0xff00'0000 | short_list;
    Tally tally{"number of extents"};
    Race race;
    for (std::uint32_t i = 0; i < short_list; ++i) {
        lists[0][i] = static_cast<xen_pfn_t>(play_gfn + i);
    }
    prepare(argument, lists[0], short_list);
    race.flip(&argument.nr_extents, short_list, too_many);
    race.start();
    for (std::uint32_t round = 0; round < 60 && all_good(); ++round) {
        const std::int64_t done = tally.call([] { return change(XENMEM_decrease_reservation, argument); });
        check(done == 0 || done == short_list, "a number of extents", done);
        for (std::uint32_t i = 0; i < short_list + 1; ++i) {
            check(is_hole(play_gfn + i) == (i < number(done)), "as many as it says", i);
        }
        tally.saw(done == 0);
        change_all(XENMEM_populate_physmap, true, short_list);
    }
    tally.end();
}

} // namespace

void race_reservations() {
    xen_pfn_t lost[] = {static_cast<xen_pfn_t>(ram_end() / page_bytes + 0x10)}; // what lay under shared_info
    xen_memory_reservation r;
    prepare(r, lost, 1);
    check(change(XENMEM_populate_physmap, r) == 1, "the page under shared_info");
    race_elements(XENMEM_decrease_reservation, "extents given back");
    race_elements(XENMEM_populate_physmap, "extents got again");
    race_pointer();
    race_order();
    race_number();
}

} // namespace bulkhead::guest::races
