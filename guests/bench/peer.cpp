// SPDX-License-Identifier: Apache-2.0
// Two domains, each the other's peer=: one serves (answers events, offers pages), the other one measures.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint32_t rounds = 500;

/// First byte of the first page: the domain that measures is done with its peer.
constexpr unsigned char finished = 0x7f;

void offer_pages() {
    auto* const entries = show_grant_table(1);
    for (std::uint32_t i = 0; i < mapped_at_once; ++i) {
        offer(entries[first_ref + i], pages[i], peer());
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
        sleep_for(1'000'000);
    }
}

// --- grants

gnttab_copy copy_ops[mapped_at_once];

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

void measure_grants() {
    constexpr std::uint32_t many = 200, some = 50, few = 10;
    constexpr std::uint16_t small = 64, whole = 4096;
    measure("grant_copy_64", many, [] { copy(1, small); });
    measure("grant_copy_4096", many, [] { copy(1, whole); });
    measure("grant_copy_64_x32", some, [] { copy(32, small); });
    measure("grant_copy_4096_x32", some, [] { copy(32, whole); });
    give_back_pages(mapped_at_once);
    prepare_mapping(mapped_at_once);
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
    const unsigned char last_word = finished;
    expect(copy_to_peer(&last_word, 1), "copy");
    send(port);
}

} // namespace bulkhead::guest::bench
