// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_swap_grant_ref. It must not know: other domains' pages.
#include "grant.hpp"

namespace bulkhead::vcpu {

namespace {

using Swap = bulkhead_guest_GnttabSwapGrantRef;
constexpr std::size_t at_once = 64;
constexpr std::uint64_t in_use = GTF_reading | GTF_writing;

struct Entry {
    std::uint64_t header{0};
    std::uint64_t frame{0}; ///< of version 2
};

/// Takes an entry that nobody uses out of the table. False: it is in use, and there as before.
bool take(const OwnTable& table, std::uint32_t ref, Entry& taken) {
    std::uint64_t* const words = table.words(ref);
    if (!table.wide()) {
        taken.header = __atomic_load_n(words, __ATOMIC_ACQUIRE);
        return (taken.header & in_use) == 0 &&
               __atomic_compare_exchange_n(words, &taken.header, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    // As an owner withdraws an entry: whoever marks it looks at it once more afterwards.
    taken.header = __atomic_exchange_n(words, 0, __ATOMIC_SEQ_CST);
    if ((__atomic_load_n(table.status(ref), __ATOMIC_SEQ_CST) & in_use) != 0) {
        __atomic_store_n(words, taken.header, __ATOMIC_RELEASE);
        return false;
    }
    taken.frame = __atomic_load_n(words + 1, __ATOMIC_RELAXED);
    return true;
}

void put(const OwnTable& table, std::uint32_t ref, const Entry& entry) {
    std::uint64_t* const words = table.words(ref);
    if (table.wide()) {
        __atomic_store_n(words + 1, entry.frame, __ATOMIC_RELAXED);
    }
    __atomic_store_n(words, entry.header, __ATOMIC_RELEASE);
}

std::int32_t swap_entries(const OwnTable& table, grant_ref_t a, grant_ref_t b, std::uint32_t entries) {
    if (a >= entries || b >= entries) {
        return GNTST_bad_gntref;
    }
    if (a == b) {
        return GNTST_okay;
    }
    Entry was_a;
    Entry was_b;
    if (!take(table, a, was_a)) {
        return GNTST_eagain;
    }
    const bool both = take(table, b, was_b);
    put(table, a, both ? was_b : was_a);
    if (!both) {
        return GNTST_eagain;
    }
    put(table, b, was_a);
    return GNTST_okay;
}

} // namespace

xen::Result grant_swap(Call& call) {
    const OwnTable table{call};
    const std::uint32_t entries = table_frames(call) * table.entries_per_frame();
    return in_batches<Swap, at_once>(call, [&](std::span<Swap> ops) {
        for (Swap& op : ops) {
            op.status = swap_entries(table, op.ref_a, op.ref_b, entries);
        }
    });
}

} // namespace bulkhead::vcpu
