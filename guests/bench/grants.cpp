// SPDX-License-Identifier: Apache-2.0
// Grants of version 1: offering pages, and mapping or copying what the peer offers. It must not know: what is measured.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

Page table[max_table_frames];
xen_pfn_t frames[page_count];
gnttab_map_grant_ref map_ops[mapped_at_once];
gnttab_unmap_grant_ref unmap_ops[mapped_at_once];

} // namespace

Page pages[page_count];

domid_t peer() {
    // Read once: looking for it in the command line is no part of what a sample measures.
    static const auto number = static_cast<domid_t>(number_of("peer", 0));
    return number;
}

volatile grant_entry_v1_t* show_grant_table(std::uint32_t frame_count) {
    static_assert(sizeof(Page) == entries_per_frame * sizeof(grant_entry_v1_t));
    expect(frame_count <= max_table_frames, "a table that can be that large");
    for (std::uint32_t i = 0; i < frame_count; ++i) {
        xen_add_to_physmap add{};
        add.domid = DOMID_SELF;
        add.space = XENMAPSPACE_grant_table;
        add.idx = i;
        add.gpfn = static_cast<xen_pfn_t>(frame_of(&table[i]));
        expect_ok(hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add), "mapping the grant table");
    }
    void* const first = &table;
    return static_cast<volatile grant_entry_v1_t*>(first);
}

void offer(volatile grant_entry_v1_t& entry, const Page& page, domid_t to) {
    entry.frame = static_cast<std::uint32_t>(frame_of(&page));
    entry.domid = to;
    __atomic_store_n(&entry.flags, std::uint16_t{GTF_permit_access}, __ATOMIC_RELEASE);
}

void give_back_pages(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        frames[i] = static_cast<xen_pfn_t>(frame_of(&pages[i]));
    }
    xen_memory_reservation argument{};
    argument.extent_start.p = frames;
    argument.nr_extents = count;
    argument.domid = DOMID_SELF;
    expect(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, argument) == count, "decrease_reservation");
}

void prepare_mapping(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        map_ops[i].host_addr = address_of(&pages[i]);
        map_ops[i].flags = GNTMAP_host_map;
        map_ops[i].ref = first_ref + i;
        map_ops[i].dom = peer();
        unmap_ops[i].host_addr = map_ops[i].host_addr;
    }
}

bool map_page(grant_ref_t ref, const Page& at) {
    gnttab_map_grant_ref op{};
    op.host_addr = address_of(&at);
    op.flags = GNTMAP_host_map;
    op.ref = ref;
    op.dom = peer();
    op.status = 1;
    expect_ok(grant_op(GNTTABOP_map_grant_ref, &op), "map_grant_ref");
    return op.status == GNTST_okay;
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

namespace {

/// Where what is copied begins in a page, and in which.
template <typename Place> void name_own(Place& place, const void* address) {
    place.u.gmfn = static_cast<xen_pfn_t>(frame_of(address));
    place.domid = DOMID_SELF;
    place.offset = static_cast<std::uint16_t>(address_of(address) & 0xfff);
}
template <typename Place> void name_peers(Place& place) {
    place.u.ref = first_ref;
    place.domid = peer();
}

bool copied(gnttab_copy& op) {
    op.status = 1;
    return grant_op(GNTTABOP_copy, &op) == 0 && op.status == GNTST_okay;
}

} // namespace

bool copy_from_peer(void* to, std::uint16_t bytes) {
    gnttab_copy op{};
    name_peers(op.source);
    name_own(op.dest, to);
    op.len = bytes;
    op.flags = GNTCOPY_source_gref;
    return copied(op);
}

bool copy_to_peer(const void* from, std::uint16_t bytes) {
    gnttab_copy op{};
    name_own(op.source, from);
    name_peers(op.dest);
    op.len = bytes;
    op.flags = GNTCOPY_dest_gref;
    return copied(op);
}

} // namespace bulkhead::guest::bench
