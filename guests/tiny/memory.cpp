// SPDX-License-Identifier: Apache-2.0
// Gives memory back and gets it again, in extents of every order, at home and elsewhere; then does it with a list so
// long that the hypercall has to let interrupts in, whose handler makes long hypercalls of its own. Needs 64 MiB.
// Command line: max_late=MICROSECONDS that a timer may be late in a long hypercall.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"
#include "paging.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t play_area = 16u << 20; ///< RAM that nothing else uses, to the end
constexpr std::uint64_t play_gfn = play_area / page_bytes;
constexpr std::uint64_t nested_gfn = play_gfn;      ///< what the interrupt handler works on
constexpr std::uint64_t long_gfn = play_gfn + 1024; ///< what the long call works on
constexpr std::uint32_t long_extents = 10'000;
constexpr std::uint32_t nested_extents = 128;
constexpr std::uint32_t word_bits = 8 * sizeof(xen_ulong_t);
constexpr std::uint8_t upcall_vector = 0xf3; ///< see events.cpp

xen_pfn_t extents[long_extents];
xen_pfn_t nested[nested_extents];
std::uint32_t failures;

void check(bool good, const char* what, std::uint64_t value = 0) {
    if (!good) {
        ++failures;
        console_write(Line{} << "memory: FAIL " << what << ' ' << Hex{value} << '\n');
    }
}

std::int64_t change(std::uint32_t op, xen_pfn_t* list, std::uint32_t count, std::uint32_t order = 0) {
    xen_memory_reservation r{};
    r.extent_start.p = list;
    r.nr_extents = count;
    r.extent_order = order;
    r.domid = DOMID_SELF;
    return hypercall(__HYPERVISOR_memory_op, op, r);
}
std::int64_t give_back(std::uint64_t gfn, std::uint32_t order = 0) {
    auto extent = static_cast<xen_pfn_t>(gfn);
    return change(XENMEM_decrease_reservation, &extent, 1, order);
}
std::int64_t get(std::uint64_t gfn, std::uint32_t order = 0) {
    auto extent = static_cast<xen_pfn_t>(gfn);
    return change(XENMEM_populate_physmap, &extent, 1, order);
}
std::int64_t add(std::uint32_t space, std::uint64_t index, std::uint64_t gfn, std::uint16_t size = 0) {
    xen_add_to_physmap a{DOMID_SELF, size, space, static_cast<xen_ulong_t>(index), static_cast<xen_pfn_t>(gfn)};
    return hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, a);
}
std::uint64_t reservation() {
    xen_memory_domain self{DOMID_SELF};
    return number(hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, self));
}

volatile std::uint64_t& word_of(std::uint64_t gfn, std::uint64_t word = 0) {
    return *reinterpret_cast<volatile std::uint64_t*>(window(gfn * page_bytes + word * 8));
}
bool is_zero(std::uint64_t gfn) {
    const volatile std::uint8_t* page = window(gfn * page_bytes);
    std::uint64_t all = 0;
    for (std::uint64_t i = 0; i < page_bytes; i += 8) {
        all |= *reinterpret_cast<const volatile std::uint64_t*>(page + i);
    }
    return all == 0;
}

void every_order() {
    const std::uint64_t all = reservation();
    for (std::uint32_t order = 0; order <= 9; ++order) {
        const std::uint64_t pages = std::uint64_t{1} << order;
        for (std::uint64_t i = 0; i < pages; ++i) {
            word_of(long_gfn + i, 7) = 0xfeed'0000 + i;
        }
        word_of(long_gfn + pages) = 0xabcd;
        check(give_back(long_gfn, order) == 1, "giving back, order", order);
        check(reservation() == all - pages, "reservation after giving back, order", order);
        check(word_of(long_gfn + pages - 1) == ~std::uint64_t{0}, "a hole reads as", word_of(long_gfn + pages - 1));
        check(give_back(long_gfn, order) == 0, "giving back twice, order", order);
        check(get(long_gfn, order) == 1, "getting again, order", order);
        check(get(long_gfn, order) == 0, "getting twice, order", order);
        check(reservation() == all, "reservation after getting again, order", order);
        for (std::uint64_t i = 0; i < pages; ++i) {
            check(is_zero(long_gfn + i), "content of a page that came back", i);
            word_of(long_gfn + i) = i;
        }
        check(word_of(long_gfn + pages) == 0xabcd, "the page behind, order", order);
        check(word_of(long_gfn + pages - 1) == pages - 1, "a page that came back is memory, order", order);
    }
    check(give_back(long_gfn, 10) == 0, "an order that is too large");
    xen_pfn_t list[] = {long_gfn, long_gfn + 1, long_gfn, long_gfn + 2};
    check(change(XENMEM_decrease_reservation, list, 4) == 2, "extents before the first that fails");
    check(word_of(long_gfn + 2) != ~std::uint64_t{0}, "the extent behind it");
    check(change(XENMEM_populate_physmap, list, 4) == 2, "extents before the first that is there");
    check(change(XENMEM_increase_reservation, list, 4) == 0, "more than the domain's maximum");
    console_write(Line{} << "memory: every order\n");
}

void elsewhere() {
    const std::uint64_t all = reservation();
    const std::uint64_t beyond = ram_end() / page_bytes + 0x1000;
    check(give_back(long_gfn, 9) == 1, "giving back 2 MiB");
    check(get(beyond, 9) == 1, "getting 2 MiB where no RAM ever was");
    check(is_zero(beyond) && is_zero(beyond + 511), "content elsewhere");
    word_of(beyond + 511) = 0x1234;
    check(word_of(beyond + 511) == 0x1234, "memory elsewhere");
    check(word_of(long_gfn + 511) == ~std::uint64_t{0}, "it is in one place only");
    check(get(long_gfn) == 0, "no more than the maximum");
    check(give_back(beyond + 511) == 1, "giving back what is elsewhere");
    check(get(long_gfn + 511) == 1 && is_zero(long_gfn + 511), "it comes home");
    check(give_back(beyond, 8) == 1 && give_back(beyond + 256, 7) == 1, "the rest of it");
    for (std::uint64_t i = 384; i < 511; ++i) {
        check(give_back(beyond + i) == 1, "the rest of it", i);
    }
    for (std::uint64_t i = 0; i < 511; ++i) {
        check(get(long_gfn + i) == 1, "and back home", i);
    }
    check(reservation() == all, "reservation in the end");

    word_of(long_gfn) = 0x5151;
    check(add(XENMAPSPACE_gmfn, long_gfn, beyond) == 0, "moving a page");
    check(word_of(beyond) == 0x5151, "the page that was moved");
    check(word_of(long_gfn) == ~std::uint64_t{0}, "the place it left");
    check(add(XENMAPSPACE_gmfn, long_gfn, beyond) == -XEN_EINVAL, "moving nothing");
    check(add(XENMAPSPACE_gmfn_range, beyond, long_gfn, 1) == 0, "moving it home");
    check(word_of(long_gfn) == 0x5151, "the page is home");
    check(reservation() == all, "moving costs nothing");
    console_write(Line{} << "memory: elsewhere\n");
}

// --- a long hypercall

volatile std::uint64_t due;
volatile std::uint64_t ticks, latest;
volatile bool nesting;

void arm() {
    due = system_time() + 100'000;
    (void)set_timer(due);
}

void on_upcall() {
    auto& info = shared().vcpu_info[0];
    const std::uint64_t now = system_time();
    __atomic_store_n(&info.evtchn_upcall_pending, std::uint8_t{0}, __ATOMIC_SEQ_CST);
    __atomic_store_n(&info.evtchn_pending_sel, xen_ulong_t{0}, __ATOMIC_SEQ_CST);
    const xen_ulong_t bit = xen_ulong_t{1} << (timer_port() % word_bits);
    if ((__atomic_fetch_and(&shared().evtchn_pending[timer_port() / word_bits], ~bit, __ATOMIC_SEQ_CST) & bit) == 0 ||
        now < due) {
        return;
    }
    ticks = ticks + 1;
    const std::uint64_t late = now - due;
    latest = late > latest ? late : latest;
    if (nesting) {
        const auto gone = change(XENMEM_decrease_reservation, nested, nested_extents);
        const auto back = change(XENMEM_populate_physmap, nested, nested_extents);
        check(gone == nested_extents && back == nested_extents, "the handler's own hypercalls");
    }
    arm();
}

void long_call(std::uint32_t op, const char* name) {
    ticks = 0;
    latest = 0;
    arm();
    const std::uint64_t start = system_time();
    asm volatile("sti" : : : "memory");
    const std::int64_t done = change(op, extents, long_extents);
    asm volatile("cli" : : : "memory");
    const std::uint64_t took = (system_time() - start) / 1000;
    console_write(Line{} << "memory: " << name << " took " << took << " us, " << std::uint64_t{ticks}
                         << " timers, late by at most " << std::uint64_t{latest} / 1000 << " us\n");
    check(done == long_extents, name, number(done));
    check(ticks >= 3, "timers in a long hypercall", ticks);
    check(latest / 1000 <= number_of("max_late", 1000), "lateness in a long hypercall", latest);
}

void let_interrupts_in() {
    const std::uint64_t all = reservation();
    for (std::uint32_t i = 0; i < long_extents; ++i) {
        extents[i] = static_cast<xen_pfn_t>(long_gfn + i);
    }
    for (std::uint32_t i = 0; i < nested_extents; ++i) {
        nested[i] = static_cast<xen_pfn_t>(nested_gfn + i);
    }
    set_up_events();
    set_interrupt_handler(upcall_vector, on_upcall);
    for (int round = 0; round < 2; ++round) {
        const bool with_nested = round == 1;
        nesting = with_nested;
        long_call(XENMEM_decrease_reservation, with_nested ? "giving back, nested calls" : "giving back");
        check(reservation() == all - long_extents, "reservation after a long call");
        long_call(XENMEM_populate_physmap, with_nested ? "getting again, nested calls" : "getting again");
        check(reservation() == all, "reservation after both");
    }
    for (std::uint32_t i = 0; i < long_extents; i += 97) {
        check(is_zero(long_gfn + i), "content after a long call", i);
    }
}

} // namespace

void guest_main() {
    set_up_events();
    // What lay where shared_info is now was given back by that; it comes again elsewhere.
    check(get(ram_end() / page_bytes + 0x800) == 1, "the page under shared_info");
    every_order();
    elsewhere();
    let_interrupts_in();
    console_write(Line{} << "memory: " << (failures == 0 ? "PASS" : "FAIL") << '\n');
}

} // namespace bulkhead::guest
