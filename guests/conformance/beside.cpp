// SPDX-License-Identifier: Apache-2.0
#include "beside.hpp"

#include "guest.hpp"
#include "rows/event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr std::uint64_t millisecond = 1'000'000;
constexpr std::uint64_t patience = 5'000 * millisecond;
constexpr Word windows = 0x4000'0000; ///< above RAM

void poll(evtchn_port_t* ports, std::uint32_t count, std::uint64_t until) {
    sched_poll p{};
    set_xen_guest_handle(p.ports, ports);
    p.nr_ports = count;
    p.timeout = until;
    (void)operate(__HYPERVISOR_sched_op, SCHEDOP_poll, p);
}
void nap() {
    poll(nullptr, 0, system_time() + millisecond);
}

std::uint32_t port_for(domid_t remote) {
    evtchn_alloc_unbound a{};
    a.dom = DOMID_SELF;
    a.remote_dom = remote;
    (void)event(EVTCHNOP_alloc_unbound, a);
    return a.port;
}

alignas(page_bytes) unsigned char grant_table[page_bytes];
alignas(page_bytes) unsigned char exchange_page[page_bytes];
alignas(page_bytes) unsigned char writable_page[page_bytes];
alignas(page_bytes) unsigned char read_only_page[page_bytes];
alignas(page_bytes) unsigned char others_page[page_bytes];

bool map_grant_table() {
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_grant_table;
    add.gpfn = frame_of(grant_table);
    return operate(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add) == 0;
}
std::uint32_t table_version = 1;

bool set_table_version(std::uint32_t version) {
    gnttab_set_version s{version};
    table_version = version;
    return version == 1 || issue(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, address_of(s), 1) == 0;
}
void grant_page(grant_ref_t reference, domid_t to, void* page, std::uint16_t flags) {
    const auto grant = [&](auto& header) { // both forms begin alike
        header.domid = to;
        __atomic_store_n(&header.flags, static_cast<std::uint16_t>(GTF_permit_access | flags), __ATOMIC_RELEASE);
    };
    if (table_version == 2) {
        auto& entry = reinterpret_cast<grant_entry_v2_t*>(grant_table)[reference];
        entry.full_page.frame = frame_of(page);
        grant(entry.hdr);
    } else {
        auto& entry = reinterpret_cast<grant_entry_v1_t*>(grant_table)[reference];
        entry.frame = static_cast<std::uint32_t>(frame_of(page));
        grant(entry);
    }
}

bool map_exchange() {
    gnttab_map_grant_ref m{};
    m.dom = peer();
    m.ref = exchange_ref;
    m.flags = GNTMAP_host_map;
    m.host_addr = windows;
    return issue(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, address_of(m), 1) == 0 && m.status == GNTST_okay;
}

void do_what_is_asked(volatile Exchange& shown) {
    const auto asked = __atomic_load_n(&shown.asked, __ATOMIC_ACQUIRE);
    if (asked != 0) {
        const auto argument = reinterpret_cast<Word>(&shown.argument);
        shown.result = static_cast<std::int32_t>(issue(__HYPERVISOR_grant_table_op, asked - 1, argument, 1));
        __atomic_store_n(&shown.asked, 0u, __ATOMIC_RELEASE);
    }
}

} // namespace

domid_t peer() {
    return static_cast<domid_t>(own_domain() - 1);
}
volatile Exchange& exchange() {
    return *reinterpret_cast<volatile Exchange*>(windows);
}
Word window(std::uint32_t page) {
    return windows + (page + 1) * page_bytes;
}

bool await(bool (*condition)()) {
    const auto end = system_time() + patience;
    while (!condition()) {
        if (system_time() > end) {
            return false;
        }
        nap();
    }
    return true;
}
bool await_event(std::uint32_t port) {
    evtchn_port_t wanted = port;
    poll(&wanted, 1, system_time() + patience);
    return pending(port);
}

bool meet_peer() {
    return await(map_exchange) && await([] { return exchange().ready == exchange_ready; });
}

void dismiss_peer() {
    exchange().end = 1;
    evtchn_bind_interdomain b{peer(), exchange().offered, 0};
    (void)event(EVTCHNOP_bind_interdomain, b);
    (void)send(b.local_port);
}

std::int64_t ask_peer(Word operation, void* argument, std::size_t bytes) {
    volatile Exchange& shown = exchange();
    auto* const at = const_cast<std::uint64_t*>(shown.argument); // nobody else looks before it is asked
    __builtin_memcpy(at, argument, bytes);
    __atomic_store_n(&shown.asked, static_cast<std::uint32_t>(operation + 1), __ATOMIC_RELEASE);
    evtchn_bind_interdomain b{peer(), shown.offered, 0};
    (void)event(EVTCHNOP_bind_interdomain, b);
    const Port port{b.local_port};
    (void)send(port.number);
    if (!await([] { return __atomic_load_n(&exchange().asked, __ATOMIC_ACQUIRE) == 0; })) {
        return -XEN_ETIME;
    }
    __builtin_memcpy(argument, at, bytes);
    return shown.result;
}

void serve_as_peer(std::uint32_t grant_version) {
    const auto other = static_cast<domid_t>(own_domain() + 1);
    if (!map_grant_table() || !set_table_version(grant_version)) {
        guest::debug_port_write(guest::Line{} << "peer: no grant table\n");
        return;
    }
    for (unsigned char* page : {writable_page, read_only_page, others_page}) {
        __builtin_memset(page, peers_byte, page_bytes);
    }
    auto& shown = *reinterpret_cast<volatile Exchange*>(exchange_page);
    evtchn_port_t offered = port_for(other);
    shown.offered = offered;
    shown.others = port_for(somebody_else);
    evtchn_bind_ipi ipi{};
    (void)event(EVTCHNOP_bind_ipi, ipi);
    shown.ipi = ipi.port;
    shown.closed = port_for(other);
    (void)close(shown.closed);
    shown.ready = exchange_ready;
    grant_page(writable_ref, other, writable_page, 0);
    grant_page(read_only_ref, other, read_only_page, GTF_readonly);
    grant_page(others_ref, somebody_else, others_page, 0);
    grant_page(exchange_ref, other, exchange_page, 0);
    while (shown.end == 0) {
        poll(&offered, 1, 0);
        clear_pending(offered);
        do_what_is_asked(shown);
        shown.heard = shown.heard + 1;
        (void)send(offered);
    }
}

} // namespace bulkhead::conformance
