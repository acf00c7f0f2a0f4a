// SPDX-License-Identifier: Apache-2.0
// Pages of the guest's RAM that move. services/memory decides, the monitor maps. It must not know: why they move.
#include "move_page.hpp"

#include "ask.hpp"
#include "guest_ram.hpp"

namespace bulkhead::vcpu {

namespace {

bulkhead_MemoryReply ask_move(Gfn from, Gfn to) {
    bulkhead_MemoryRequest request{};
    request.which_request = bulkhead_MemoryRequest_move_tag;
    request.request.move = {from.value, to.value};
    return ask_memory(request);
}

constexpr const char* no_memory = "no memory left for a page that was moved";

} // namespace

xen::Result move_page(Domain& d, Gfn from, Gfn to) {
    const bulkhead_MemoryReply reply = ask_move(from, to);
    if (reply.result != 0 || from == to) {
        return reply.result;
    }
    if (reply.moved_count != 1) {
        return -XEN_EIO;
    }
    const Gfn frame{reply.moved[0].frame};
    lose_pages(d, to, 1);
    lose_pages(d, from, 1);
    if (bring_page(d, to, frame)) {
        return 0;
    }
    // No table for the new place. The old one has its tables.
    if (ask_move(to, from).result != 0 || !bring_page(d, from, frame)) {
        d.end(SHUTDOWN_crash, no_memory);
    }
    return -XEN_ENOMEM;
}

void map_anew(Domain& d, Gfn gfn) {
    const bulkhead_MemoryReply reply = ask_move(gfn, gfn); // moves nothing, and says which page it is
    lose_pages(d, gfn, 1);
    if (reply.result != 0 || reply.moved_count != 1 || !bring_page(d, gfn, Gfn{reply.moved[0].frame})) {
        d.end(SHUTDOWN_crash, no_memory);
    }
}

} // namespace bulkhead::vcpu
