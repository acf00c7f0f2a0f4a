// SPDX-License-Identifier: Apache-2.0
// Arrays behind structures (public/sched.h, memory.h, grant_table.h, xen.h): unaligned, across pages, and thousands of
// elements of which one can be read; and fields that are reserved.
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* sched_h = "public/sched.h";
constexpr const char* memory_h = "public/memory.h";
constexpr const char* grant_h = "public/grant_table.h";
constexpr const char* multicall_h = "public/xen.h, multicall_entry";
constexpr const char* params_h = "public/hvm/params.h";
constexpr const char* vcpu_h = "public/vcpu.h";

/// The last element of which fits into RAM.
template <typename T> T& last_in_ram() {
    return *reinterpret_cast<T*>(place(Place::past_ram, 2 * sizeof(T)));
}
std::int64_t poll_one(unsigned char* at, std::uint32_t port) {
    __builtin_memcpy(at, &port, sizeof port);
    sched_poll p{};
    set_xen_guest_handle(p.ports, reinterpret_cast<evtchn_port_t*>(at));
    p.nr_ports = 1;
    p.timeout = 1;
    return operate(__HYPERVISOR_sched_op, SCHEDOP_poll, p);
}
std::int64_t decrease(unsigned char* at, xen_ulong_t count) {
    const xen_pfn_t frame = frame_of(ballast);
    __builtin_memcpy(at, &frame, sizeof frame);
    xen_memory_reservation r{};
    set_xen_guest_handle(r.extent_start, reinterpret_cast<xen_pfn_t*>(at));
    r.nr_extents = count;
    r.domid = DOMID_SELF;
    const auto result = operate(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, r);
    xen_pfn_t list = frame;
    set_xen_guest_handle(r.extent_start, &list);
    r.nr_extents = 1;
    (void)operate(__HYPERVISOR_memory_op, XENMEM_populate_physmap, r);
    return result;
}
gnttab_copy one_byte() {
    gnttab_copy c{};
    c.source.u.gmfn = frame_of(scratch[1]);
    c.source.domid = DOMID_SELF;
    c.dest.u.gmfn = frame_of(scratch[2]);
    c.dest.domid = DOMID_SELF;
    c.len = 1;
    c.status = 77;
    scratch[1][0] = 0x5a;
    return c;
}
multicall_entry version_call() {
    multicall_entry m{};
    m.op = __HYPERVISOR_xen_version;
    m.result = 77;
    return m;
}
std::int64_t multicall(Word at, Word count) {
    return issue(__HYPERVISOR_multicall, at, count);
}

constexpr Row rows[] = {
    {"list/ports, unaligned", sched_h,
     [](Effects&) {
         const Port port = unbound_port();
         return poll_one(scratch[0] + 1, port.number);
     },
     0},
    {"list/ports, across two pages", sched_h,
     [](Effects&) {
         const Port port = unbound_port();
         return poll_one(scratch[0] + page_bytes - 2, port.number);
     },
     0},
    {"list/extents, unaligned", memory_h, [](Effects&) { return decrease(scratch[0] + 3, 1); }, 1},
    {"list/extents, across two pages", memory_h, [](Effects&) { return decrease(scratch[0] + page_bytes - 1, 1); }, 1},
    {"list/4096 extents, one in RAM", memory_h,
     [](Effects&) { return decrease(reinterpret_cast<unsigned char*>(&last_in_ram<xen_pfn_t>()), 4096); }, 1},
    {"list/4096 copies, one in RAM",
     grant_h,
     [](Effects& e) {
         auto& first = last_in_ram<gnttab_copy>();
         first = one_byte();
         const auto result = issue(__HYPERVISOR_grant_table_op, GNTTABOP_copy, address_of(first), 4096);
         e.equal("the first was done", first.status, GNTST_okay);
         e.equal("copied", scratch[2][0], 0x5a);
         return result;
     },
     -XEN_EFAULT,
     any_width,
     {-XEN_EFAULT, "Xen reads many entries of a 32-bit caller's list before it does the first.", false, narrow}},
    {"list/4096 unmaps, one in RAM", grant_h,
     [](Effects& e) {
         auto& first = last_in_ram<gnttab_unmap_grant_ref>();
         first = {};
         first.handle = 5;
         first.status = 77;
         const auto result = issue(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, address_of(first), 4096);
         e.equal("the first was done", first.status, GNTST_bad_handle);
         return result;
     },
     -XEN_EFAULT},
    {"list/4096 calls, one in RAM", multicall_h,
     [](Effects& e) {
         auto& first = last_in_ram<multicall_entry>();
         first = version_call();
         const auto result = multicall(address_of(first), 4096);
         e.equal("the first was done", static_cast<std::intptr_t>(first.result), (4 << 16) | 17);
         return result;
     },
     -XEN_EFAULT},
    {"list/2^32-1 calls, one in RAM", multicall_h,
     [](Effects& e) {
         auto& first = last_in_ram<multicall_entry>();
         first = version_call();
         const auto result = multicall(address_of(first), 0xffff'ffff);
         e.equal("the first was done", static_cast<std::intptr_t>(first.result), (4 << 16) | 17);
         return result;
     },
     -XEN_EFAULT},
    {"list/calls, unaligned", multicall_h,
     [](Effects& e) {
         auto entry = version_call();
         __builtin_memcpy(scratch[0] + 1, &entry, sizeof entry);
         const auto result = multicall(address_of(scratch[0][1]), 1);
         __builtin_memcpy(&entry, scratch[0] + 1, sizeof entry);
         e.equal("done", static_cast<std::intptr_t>(entry.result), (4 << 16) | 17);
         return result;
     },
     0},
    {"list/calls, across two pages", multicall_h,
     [](Effects& e) {
         auto entry = version_call();
         auto* at = scratch[0] + page_bytes - sizeof entry / 2;
         __builtin_memcpy(at, &entry, sizeof entry);
         const auto result = multicall(reinterpret_cast<Word>(at), 1);
         __builtin_memcpy(&entry, at, sizeof entry);
         e.equal("done", static_cast<std::intptr_t>(entry.result), (4 << 16) | 17);
         return result;
     },
     0},
    {"reserved/padding of a parameter", params_h,
     [](Effects& e) {
         xen_hvm_param p{};
         p.domid = DOMID_SELF;
         p.pad = 0xffff;
         p.index = HVM_PARAM_CONSOLE_PFN;
         const auto result = operate(__HYPERVISOR_hvm_op, HVMOP_get_param, p);
         e.equal("kept", p.pad, 0xffff);
         return result;
     },
     0},
    {"reserved/unknown flags of a timer", vcpu_h,
     [](Effects& e) {
         vcpu_set_singleshot_timer t{};
         t.timeout_abs_ns = std::uint64_t{1} << 60;
         t.flags = 0xffff'fffe;
         const auto result = issue(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, address_of(t));
         e.equal("stop", issue(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0);
         return result;
     },
     0},
    {"reserved/unknown flags of a map", grant_h,
     [](Effects& e) {
         gnttab_map_grant_ref m{};
         m.dom = no_domain;
         m.flags = GNTMAP_host_map | (1u << 15);
         m.host_addr = address_of(ballast);
         m.status = 77;
         const auto result = issue(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, address_of(m), 1);
         e.check("refused", m.status < 0);
         return result;
     },
     0},
};

} // namespace

const Group list_rows{"lists and reserved fields", rows};

} // namespace bulkhead::conformance
