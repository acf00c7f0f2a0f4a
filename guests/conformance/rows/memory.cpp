// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_memory_op (public/memory.h): sizes, the memory map, reservations.
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* memory_h = "public/memory.h";
constexpr Word number = __HYPERVISOR_memory_op;

template <typename T> std::int64_t memory(Word operation, T& argument) {
    return operate(number, operation, argument);
}
std::int64_t ask(Word operation, domid_t domain) {
    xen_memory_domain d{domain};
    return memory(operation, d);
}

struct Extents {
    xen_memory_reservation r{};

    Extents(xen_pfn_t* list, xen_ulong_t count, unsigned order = 0, domid_t domain = DOMID_SELF) {
        set_xen_guest_handle(r.extent_start, list);
        r.nr_extents = count;
        r.extent_order = order;
        r.domid = domain;
    }
};
std::int64_t decrease(xen_pfn_t* list, xen_ulong_t count, unsigned order = 0, domid_t domain = DOMID_SELF) {
    Extents e{list, count, order, domain};
    return memory(XENMEM_decrease_reservation, e.r);
}
std::int64_t populate(xen_pfn_t* list, xen_ulong_t count, unsigned order = 0, domid_t domain = DOMID_SELF) {
    Extents e{list, count, order, domain};
    return memory(XENMEM_populate_physmap, e.r);
}
xen_pfn_t* list_at(Place kind) {
    return reinterpret_cast<xen_pfn_t*>(place(kind, 2 * sizeof(xen_pfn_t)));
}
std::int64_t memory_map(unsigned entries, void* buffer, unsigned* got) {
    xen_memory_map m{};
    m.nr_entries = entries;
    set_xen_guest_handle(m.buffer, static_cast<unsigned char*>(buffer));
    const auto result = memory(XENMEM_memory_map, m);
    *got = m.nr_entries;
    return result;
}

/// public/arch-x86/hvm/start_info.h's e820 entry, as XENMEM_memory_map has it: 20 bytes.
constexpr std::size_t e820_bytes = 20;

constexpr Row rows[] = {
    {"memory/current_reservation", memory_h,
     [](Effects&) { return positive(ask(XENMEM_current_reservation, DOMID_SELF)); }, 1},
    {"memory/current_reservation by number", memory_h,
     [](Effects& e) {
         const auto result = ask(XENMEM_current_reservation, own_domain());
         e.equal("the same", result, ask(XENMEM_current_reservation, DOMID_SELF));
         return positive(result);
     },
     1},
    {"memory/current_reservation of another", memory_h,
     [](Effects&) { return ask(XENMEM_current_reservation, another_domain); }, -XEN_EPERM},
    {"memory/current_reservation of nobody", memory_h,
     [](Effects&) { return ask(XENMEM_current_reservation, no_domain); }, -XEN_EPERM, any_width, tells_who_exists},
    {"memory/maximum_reservation", memory_h,
     [](Effects& e) {
         const auto most = ask(XENMEM_maximum_reservation, DOMID_SELF);
         e.check("at least the current", most >= ask(XENMEM_current_reservation, DOMID_SELF));
         return positive(most);
     },
     1},
    {"memory/maximum_reservation of another", memory_h,
     [](Effects&) { return ask(XENMEM_maximum_reservation, another_domain); }, -XEN_EPERM},
    {"memory/maximum_gpfn", memory_h,
     [](Effects& e) {
         const auto last = ask(XENMEM_maximum_gpfn, DOMID_SELF);
         e.check("RAM is below", last >= static_cast<std::int64_t>(frame_of(scratch)));
         return positive(last);
     },
     1},
    {"memory/maximum_gpfn of nobody", memory_h, [](Effects&) { return ask(XENMEM_maximum_gpfn, no_domain); },
     -XEN_EPERM, any_width, tells_who_exists},
    {"memory/maximum_ram_page", memory_h, [](Effects&) { return positive(issue(number, XENMEM_maximum_ram_page, 0)); },
     1},
    {"memory/memory_map", memory_h,
     [](Effects& e) {
         unsigned entries = 0;
         const auto result = memory_map(100, scratch[0], &entries);
         e.check("entries", entries > 0 && entries <= 100);
         e.check("behind them", scratch[0][entries * e820_bytes] == 0);
         std::uint32_t type;
         __builtin_memcpy(&type, scratch[0] + 16, sizeof type);
         e.equal("the first is RAM", type, 1);
         return result;
     },
     0},
    {"memory/memory_map, one entry", memory_h,
     [](Effects& e) {
         unsigned entries = 0;
         const auto result = memory_map(1, scratch[0], &entries);
         e.equal("entries", entries, 1);
         e.equal("behind it", scratch[0][e820_bytes], 0);
         return result;
     },
     0},
    {"memory/memory_map, no entries", memory_h,
     [](Effects& e) {
         unsigned entries = 5;
         const auto result = memory_map(0, scratch[0], &entries);
         e.equal("entries", entries, 0);
         return result;
     },
     0},
    {"memory/memory_map, 2^32-1 entries", memory_h,
     [](Effects& e) {
         unsigned entries = 0;
         const auto result = memory_map(~0u, scratch[0], &entries);
         e.check("entries", entries > 0 && entries <= 100);
         return result;
     },
     0},
    {"memory/memory_map, buffer unmapped", memory_h,
     [](Effects&) {
         unsigned entries = 0;
         return memory_map(100, reinterpret_cast<void*>(place(Place::unmapped, 8)), &entries);
     },
     -XEN_EFAULT},
    {"memory/memory_map, buffer past RAM", memory_h,
     [](Effects&) {
         unsigned entries = 0;
         return memory_map(100, reinterpret_cast<void*>(place(Place::past_ram, 16)), &entries);
     },
     -XEN_EFAULT},
    {"memory/memory_map, buffer read-only", memory_h,
     [](Effects&) {
         unsigned entries = 0;
         return memory_map(100, reinterpret_cast<void*>(place(Place::read_only, 16)), &entries);
     },
     -XEN_EFAULT, paged},
    {"memory/machine_memory_map is for dom0",
     memory_h,
     [](Effects&) {
         xen_memory_map m{};
         m.nr_entries = 1;
         set_xen_guest_handle(m.buffer, scratch[0]);
         return memory(XENMEM_machine_memory_map, m);
     },
     -XEN_EPERM,
     any_width,
     {-XEN_ENOSYS, "Xen has it for paravirtualised domains only."}},
    {"memory/decrease, no extents", memory_h, [](Effects&) { return decrease(nullptr, 0); }, 0},
    {"memory/populate, no extents", memory_h, [](Effects&) { return populate(nullptr, 0); }, 0},
    {"memory/decrease and populate a page",
     memory_h,
     [](Effects& e) {
         const auto before = ask(XENMEM_current_reservation, DOMID_SELF);
         ballast[0] = 0x5a;
         xen_pfn_t list[] = {frame_of(ballast)};
         const auto result = decrease(list, 1);
         e.equal("one less", ask(XENMEM_current_reservation, DOMID_SELF), before - 1);
         e.equal("populate", populate(list, 1), 1);
         e.equal("as before", ask(XENMEM_current_reservation, DOMID_SELF), before);
         e.equal("a page of zeros", ballast[0], 0);
         return result;
     },
     1,
     any_width,
     {1, "Xen gives a domain its own page back as it was. Here it is zeroed whoever had it.", false}},
    {"memory/decrease a frame without RAM", memory_h,
     [](Effects&) {
         xen_pfn_t list[] = {frame_without_ram()};
         return decrease(list, 1);
     },
     0},
    {"memory/decrease, list ends in nothing", memory_h,
     [](Effects& e) {
         const auto before = ask(XENMEM_current_reservation, DOMID_SELF);
         auto* list = list_at(Place::past_ram);
         list[0] = frame_of(ballast);
         const auto result = decrease(list, 2);
         e.equal("what was done", ask(XENMEM_current_reservation, DOMID_SELF), before - result);
         (void)populate(list, 1);
         return result;
     },
     1},
    {"memory/decrease, list unmapped", memory_h, [](Effects&) { return decrease(list_at(Place::unmapped), 1); }, 0},
    {"memory/decrease, 2^32-1 extents", memory_h,
     [](Effects&) { return decrease(list_at(Place::unmapped), 0xffff'ffff); }, 0},
    {"memory/populate, list unmapped", memory_h, [](Effects&) { return populate(list_at(Place::unmapped), 1); }, 0},
    {"memory/populate, order 31", memory_h,
     [](Effects&) {
         xen_pfn_t list[] = {frame_of(ballast)};
         return populate(list, 1, 31);
     },
     0},
    {"memory/populate, order 2^32-1", memory_h,
     [](Effects&) {
         xen_pfn_t list[] = {frame_of(ballast)};
         return populate(list, 1, ~0u);
     },
     0},
    {"memory/decrease, order 2^32-1", memory_h,
     [](Effects&) {
         xen_pfn_t list[] = {frame_of(ballast)};
         return decrease(list, 1, ~0u);
     },
     0},
    {"memory/decrease of another domain", memory_h,
     [](Effects&) {
         xen_pfn_t list[] = {frame_of(ballast)};
         return decrease(list, 1, 0, another_domain);
     },
     0},
    {"memory/populate for nobody", memory_h,
     [](Effects&) {
         xen_pfn_t list[] = {frame_of(ballast)};
         return populate(list, 1, 0, no_domain);
     },
     0},
    {"memory/decrease, handle unmapped", memory_h,
     [](Effects&) { return issue(number, XENMEM_decrease_reservation, place(Place::unmapped, 8)); }, 0},
    {"memory/unknown 63", memory_h, [](Effects&) { return operate(number, 63, scratch); }, -XEN_ENOSYS},
    {"memory/unknown 64 + current_reservation",
     memory_h,
     [](Effects&) {
         xen_memory_domain d{DOMID_SELF};
         return positive(memory(64 + XENMEM_current_reservation, d));
     },
     -XEN_ENOSYS,
     any_width,
     {-XEN_EINVAL, "Xen keeps where it has got to in the upper bits. All bits are the operation's number here."}},
    {"memory/unknown 2^32-1", memory_h, [](Effects&) { return operate(number, 0xffff'ffff, scratch); }, -XEN_ENOSYS},
};

} // namespace

const Group memory_rows{"memory_op", rows};

} // namespace bulkhead::conformance
