// SPDX-License-Identifier: Apache-2.0
// Two domains, each the other's peer=: one serves (answers events, offers pages), the other one measures.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint32_t rounds = 500;
constexpr std::uint32_t shared_pages = 256;
constexpr grant_ref_t first_ref = 8;

struct alignas(4096) Page {
    unsigned char byte[4096];
};
Page table, pages[shared_pages];
/// Frames where pages of the peer are mapped: RAM that was given back before.
Page* const windows = pages;

/// First byte of the first page: the domain that measures is done with its peer.
constexpr unsigned char finished = 0x7f;

domid_t peer() {
    return static_cast<domid_t>(number_of("peer", 0));
}

void offer_pages() {
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_grant_table;
    add.gpfn = static_cast<xen_pfn_t>(frame_of(&table));
    expect_ok(hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add), "mapping the grant table");
    void* const first = &table;
    auto* const entries = static_cast<volatile grant_entry_v1_t*>(first);
    for (std::uint32_t i = 0; i < shared_pages; ++i) {
        auto& entry = entries[first_ref + i];
        entry.frame = static_cast<std::uint32_t>(frame_of(&pages[i]));
        entry.domid = peer();
        __atomic_store_n(&entry.flags, std::uint16_t{GTF_permit_access}, __ATOMIC_RELEASE);
    }
}

/// Whatever port the peer offers: there is no store to tell which. It may not be there yet.
std::uint32_t connect() {
    constexpr std::uint32_t last = 16;
    for (;;) {
        for (std::uint32_t port = 1; port <= last; ++port) {
            evtchn_bind_interdomain bind{};
            bind.remote_dom = peer();
            bind.remote_port = port;
            if (event_op(EVTCHNOP_bind_interdomain, bind) == 0) {
                mask(bind.local_port);
                (void)take_pending(bind.local_port); // binding raises it
                return bind.local_port;
            }
        }
        (void)set_timer(system_time() + 1'000'000);
        wait_for_event(timer_port());
    }
}

// --- grants

gnttab_map_grant_ref map_ops[shared_pages];
gnttab_unmap_grant_ref unmap_ops[shared_pages];
gnttab_copy copy_ops[shared_pages];

void give_back_windows() {
    static xen_pfn_t frames[shared_pages];
    for (std::uint32_t i = 0; i < shared_pages; ++i) {
        frames[i] = static_cast<xen_pfn_t>(frame_of(&windows[i]));
    }
    xen_memory_reservation argument{};
    argument.extent_start.p = frames;
    argument.nr_extents = shared_pages;
    argument.domid = DOMID_SELF;
    expect(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, argument) == shared_pages,
           "decrease_reservation");
}

void map_and_unmap(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        map_ops[i].status = 1;
    }
    expect_ok(grant_op(GNTTABOP_map_grant_ref, map_ops, count), "map_grant_ref");
    for (std::uint32_t i = 0; i < count; ++i) {
        expect_ok(map_ops[i].status, "the status of a mapping");
        unmap_ops[i].handle = map_ops[i].handle;
    }
    expect_ok(grant_op(GNTTABOP_unmap_grant_ref, unmap_ops, count), "unmap_grant_ref");
    expect_ok(unmap_ops[count - 1].status, "the status of an unmapping");
}

void copy(std::uint32_t count, std::uint16_t bytes) {
    static Page to;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto& op = copy_ops[i];
        op.source.u.ref = first_ref + i;
        op.source.domid = peer();
        op.dest.u.gmfn = static_cast<xen_pfn_t>(frame_of(&to));
        op.dest.domid = DOMID_SELF;
        op.len = bytes;
        op.flags = GNTCOPY_source_gref;
        op.status = 1;
    }
    expect_ok(grant_op(GNTTABOP_copy, copy_ops, count), "copy");
    expect_ok(copy_ops[count - 1].status, "the status of a copy");
}

/// Writes to the peer's first page, by a copy.
void say_finished() {
    alignas(4096) static Page from;
    from.byte[0] = finished;
    gnttab_copy op{};
    op.source.u.gmfn = static_cast<xen_pfn_t>(frame_of(&from));
    op.source.domid = DOMID_SELF;
    op.dest.u.ref = first_ref;
    op.dest.domid = peer();
    op.len = 1;
    op.flags = GNTCOPY_dest_gref;
    expect_ok(grant_op(GNTTABOP_copy, &op), "copy");
    expect_ok(op.status, "the status of a copy");
}

void measure_grants() {
    constexpr std::uint32_t many = 200, some = 50, few = 10;
    constexpr std::uint16_t small = 64, whole = 4096;
    measure("grant_copy_64", many, [] { copy(1, small); });
    measure("grant_copy_4096", many, [] { copy(1, whole); });
    measure("grant_copy_64_x32", some, [] { copy(32, small); });
    measure("grant_copy_4096_x32", some, [] { copy(32, whole); });
    give_back_windows();
    for (std::uint32_t i = 0; i < shared_pages; ++i) {
        map_ops[i].host_addr = address_of(&windows[i]);
        map_ops[i].flags = GNTMAP_host_map;
        map_ops[i].ref = first_ref + i;
        map_ops[i].dom = peer();
        unmap_ops[i].host_addr = map_ops[i].host_addr;
    }
    measure("grant_map_1", many, [] { map_and_unmap(1); });
    measure("grant_map_16", some, [] { map_and_unmap(16); });
    measure("grant_map_256", few, [] { map_and_unmap(256); });
}

} // namespace

void serve_peer() {
    set_up_events();
    offer_pages();
    evtchn_alloc_unbound alloc{};
    alloc.dom = DOMID_SELF;
    alloc.remote_dom = peer();
    expect_ok(event_op(EVTCHNOP_alloc_unbound, alloc), "alloc_unbound");
    mask(alloc.port);
    for (;;) { // the peer does not need us any more when it is done: the last event ends this
        poll(alloc.port);
        if (pages[0].byte[0] == finished) {
            return;
        }
        send(alloc.port);
    }
}

void measure_with_peer() {
    set_up_events();
    const std::uint32_t port = connect();
    measure(has_word("two-cpus") ? "ping_pong_2_cpus" : "ping_pong", rounds, [port] {
        send(port);
        poll(port);
    });
    if (!has_word("two-cpus")) {
        measure_grants();
    }
    say_finished();
    send(port);
}

} // namespace bulkhead::guest::bench
