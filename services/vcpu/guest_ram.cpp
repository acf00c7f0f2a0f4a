// SPDX-License-Identifier: Apache-2.0
// RAM of the domain, taken away and brought back. It must not know: why.
#include "guest_ram.hpp"

#include <bulkhead/sys.hpp>

namespace bulkhead::vcpu {

namespace {

constexpr Rights all_access = Rights::read | Rights::write | Rights::execute;

Selector ram_slot(const GuestMemory::Place& place) {
    return Selector{slot::guest_ram.value + place.range};
}
Selector run_slot(std::uint32_t run) {
    return Selector{slot::moved_pages.value + run};
}

void zero(const GuestMemory::Place& place, std::uint64_t pages) {
    __builtin_memset(place.host, 0, pages << page_shift);
}

} // namespace

void lose_pages(Domain& d, Gfn first, std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) {
        const Gfn gfn{first.value + i};
        d.memory.clear_overlay(gfn);
        if (d.shared_mapped && d.shared_gfn == gfn) {
            d.shared_mapped = false;
        }
        if (const auto removed = d.memory.take_away(gfn); removed.emptied) {
            (void)sys::remove(run_slot(*removed.emptied)); // what it mapped is gone or replaced already
        }
    }
}

bool bring_home(Domain& d, Gfn first, std::uint64_t pages) {
    while (pages != 0) {
        const GuestMemory::Place place = d.memory.place_of(first);
        const std::uint64_t here = place.pages < pages ? place.pages : pages;
        if (here == 0) {
            return false;
        }
        zero(place, here);
        for (std::uint64_t done = 0; done < here;) { // the kernel goes on a step at a time
            const auto step = sys::restore(ram_slot(place), (place.page + done) << page_shift, here - done, all_access);
            if (!step || *step == 0 || *step > here - done) {
                return false;
            }
            for (std::uint64_t i = 0; i < *step; ++i) {
                const Gfn gfn{first.value + done + i};
                d.memory.clear_overlay(gfn); // of something that has moved on
                d.memory.put_back(gfn);
            }
            done += *step;
        }
        first = Gfn{first.value + here};
        pages -= here;
    }
    return true;
}

bool bring_elsewhere(Domain& d, Gfn gfn, Gfn frame, std::uint32_t pages, bool zeroed) {
    const GuestMemory::Place place = d.memory.place_of(frame);
    if (place.pages < pages) {
        return false;
    }
    const auto run = d.memory.put_elsewhere(gfn, frame, pages);
    if (!run) {
        return false;
    }
    for (std::uint32_t i = 0; i < pages; ++i) {
        d.memory.clear_overlay(Gfn{gfn.value + i});
    }
    if (zeroed) {
        zero(place, pages);
    }
    const Selector piece = run_slot(*run);
    Status status = sys::mint(slot::cap_space, piece, ram_slot(place), all_access, place.page << page_shift,
                              std::uint64_t{pages} << page_shift);
    if (status == Status::ok) {
        status = sys::map(piece, slot::stage2, gfn.value << page_shift, all_access);
    }
    if (status != Status::ok) {
        lose_pages(d, gfn, pages); // and with the last one the capability
        return false;
    }
    return true;
}

bool bring_page(Domain& d, Gfn gfn, Gfn frame) {
    if (gfn != frame) {
        return bring_elsewhere(d, gfn, frame, 1, false);
    }
    const GuestMemory::Place place = d.memory.place_of(frame);
    if (place.pages == 0 || !sys::restore(ram_slot(place), place.page << page_shift, 1, all_access)) {
        return false;
    }
    d.memory.clear_overlay(gfn);
    d.memory.put_back(gfn);
    return true;
}

} // namespace bulkhead::vcpu
