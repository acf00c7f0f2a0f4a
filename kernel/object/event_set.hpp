// SPDX-License-Identifier: Apache-2.0
// An event set: many bits in a page that the receiver reads, and whoever wants to know that one has been set.
#pragma once

#include "object/thread.hpp"

namespace bulkhead::kernel {

class EventSet : public Object {
public:
    EventSet() : Object{ObjectType::event_set} {}

    /// The object's second page.
    HostPhys page_frame() const { return HostPhys{arch::to_physical(this).value + page_size}; }
    EventPage& page() const { return *static_cast<EventPage*>(arch::to_virtual(page_frame())); }

    /// Sets a bit (below event_bits); word before summary, as the receiver clears summary before word.
    void set(std::uint32_t bit) {
        EventPage& p = page();
        __atomic_fetch_or(&p.word[bit / 64], std::uint64_t{1} << (bit % 64), __ATOMIC_RELEASE);
        __atomic_fetch_or(&p.summary[bit / 64 / 64], std::uint64_t{1} << (bit / 64 % 64), __ATOMIC_RELEASE);
    }
    /// Reads memory that the receiver can write: it can only mislead itself.
    bool any() const {
        const EventPage& p = page();
        std::uint64_t seen = 0;
        for (const std::uint64_t& word : p.summary) {
            seen |= __atomic_load_n(&word, __ATOMIC_ACQUIRE);
        }
        return seen != 0;
    }

    Ref<Thread> waiter; ///< in `wait`
    Ref<Thread> bound;  ///< its vcpu_run and reply_wait end
};

} // namespace bulkhead::kernel
