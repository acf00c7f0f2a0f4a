// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_cache_flush. Caches are coherent on x86 and the guest has no devices of its own, so there is nothing to do
// once the request is known to be good. It must not know: whose pages are mapped.
#include "grant.hpp"

namespace bulkhead::vcpu {

namespace {

using Flush = bulkhead_guest_GnttabCacheFlush;

/// Whether the guest has a page there: its own, or another's that it has mapped.
xen::Result find_page(const Call& call, std::uint64_t address) {
    const bool there = call.d.memory.page(Gfn{address >> page_shift}) != nullptr || call.d.foreign.is_mapped(address);
    return there ? 0 : -XEN_EINVAL;
}

xen::Result flush_one(const Call& call, const Flush& op) {
    constexpr std::uint32_t known = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL | GNTTAB_CACHE_SOURCE_GREF;
    if ((op.op & ~known) != 0 || op.offset >= page_size || op.offset + op.length > page_size) {
        return -XEN_EINVAL;
    }
    if ((op.op & GNTTAB_CACHE_SOURCE_GREF) != 0) {
        return -XEN_EOPNOTSUPP; // the structure does not say in whose table the reference is
    }
    return op.op == 0 || op.length == 0 ? 0 : find_page(call, op.what.dev_bus_addr);
}

} // namespace

/// No element has a status: the first that is wrong is the call's result.
xen::Result grant_cache_flush(Call& call) {
    std::uint32_t done = 0;
    (void)resume(call, done); // a call that is new begins with the first
    while (done < grant_count(call)) {
        Flush op;
        std::uint64_t place = 0;
        if (!grant_element<Flush>(call, done, place) || !read_argument(call, place, op)) {
            return -XEN_EFAULT;
        }
        if (const xen::Result wrong = flush_one(call, op); wrong != 0) {
            return wrong;
        }
        done += 1;
        if (done < grant_count(call) && suspend(call, done)) {
            return 0;
        }
    }
    return 0;
}

} // namespace bulkhead::vcpu
