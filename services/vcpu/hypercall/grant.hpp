// SPDX-License-Identifier: Apache-2.0
// What the operations of grant_table_op have in common: they take an array, element by element, and each element gets a
// status. It must not know: what is done with an element.
#pragma once

#include <span>

#include "argument.hpp"
#include "continuation.hpp"

#include <guest_grant_table.layout.hpp>

namespace bulkhead::vcpu {

// Of a foreign page, in grant_map.cpp, grant_replace.cpp, grant_copy.cpp and grant_flush.cpp.
xen::Result grant_map(Call& call);
xen::Result grant_unmap(Call& call);
xen::Result grant_unmap_and_replace(Call& call);
xen::Result grant_copy(Call& call);
xen::Result grant_cache_flush(Call& call);

// Of the guest's own table, in grant_version.cpp and grant_swap.cpp.
xen::Result grant_set_version(Call& call);
xen::Result grant_get_version(Call& call);
xen::Result grant_get_status_frames(Call& call);
xen::Result grant_swap(Call& call);

/// GNTST_*: who may ask about whose table.
std::int32_t own_table_only(const Call& call, std::uint32_t id);
/// How many the guest's table has; at most max_grant_frames, whatever the component says.
std::uint32_t table_frames(const Call& call);
/// Where the guest has mapped a frame that the monitor sees there: it sees no other addresses. All ones for one that is
/// nowhere, as in Xen.
std::uint64_t place_of_frame(const Call& call, const std::uint8_t* frame);

/// Entries of the guest's table, which the guest and the kernel change at any time.
class OwnTable {
public:
    explicit OwnTable(const Call& call) : grant_{call.d.grant} {}

    bool wide() const { return grant_.version == 2; }
    std::uint32_t entries_per_frame() const {
        return static_cast<std::uint32_t>(page_size / (wide() ? sizeof(grant_entry_v2_t) : sizeof(grant_entry_v1_t)));
    }
    /// The entry's first word: flags and domain, and in version 1 the frame. In version 2 the frame is the next word.
    std::uint64_t* words(std::uint32_t ref) const {
        void* const at = grant_.table + ref * (wide() ? sizeof(grant_entry_v2_t) : sizeof(grant_entry_v1_t));
        return static_cast<std::uint64_t*>(at);
    }
    /// Version 2: where the kernel marks the entry as in use.
    grant_status_t* status(std::uint32_t ref) const {
        void* const at = grant_.status_frame(0);
        return static_cast<grant_status_t*>(at) + ref;
    }

private:
    const decltype(Domain::grant)& grant_;
};

/// How many elements the array has.
inline std::uint32_t grant_count(const Call& call) {
    return static_cast<std::uint32_t>(call.arg[2]);
}
/// Where element `index` is. False: nowhere that the caller can address.
template <typename Message> bool grant_element(const Call& call, std::uint32_t index, std::uint64_t& place) {
    const std::uint64_t offset = std::uint64_t{index} * layout_bytes<Message>(call.wide);
    return !__builtin_add_overflow(call.arg[1], offset, &place);
}

/// `work` on as many elements at once as one message holds. An element that cannot be read, or written afterwards, is
/// -EFAULT, and nothing is done for it; what was done for those before it stands, as in Xen. Between two batches others
/// get in.
template <typename Message, std::size_t at_once, typename F> xen::Result in_batches(Call& call, F&& work) {
    std::uint32_t done = 0;
    if (grant_count(call) > at_once) { // else it never pauses
        (void)resume(call, done);      // a call that is new begins with the first
    }
    while (done < grant_count(call)) {
        const std::uint32_t left = grant_count(call) - done;
        const std::uint32_t wanted = left < at_once ? left : static_cast<std::uint32_t>(at_once);
        Message elements[at_once];
        std::uint64_t places[at_once];
        std::uint32_t count = 0;
        while (count < wanted && grant_element<Message>(call, done + count, places[count]) &&
               read_argument(call, places[count], elements[count]) && results_writable<Message>(call, places[count])) {
            ++count;
        }
        if (count != 0) {
            work(std::span<Message>{elements, count});
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (const xen::Result wrong = write_results(call, places[i], elements[i]); wrong != 0) {
                return wrong;
            }
        }
        if (count < wanted) {
            return -XEN_EFAULT;
        }
        done += count;
        if (done < grant_count(call) && suspend(call, done)) {
            return 0;
        }
    }
    return 0;
}

} // namespace bulkhead::vcpu
