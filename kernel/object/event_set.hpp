// SPDX-License-Identifier: Apache-2.0
// An event set: many bits in a page that the receiver reads, and whoever wants to know that one has been set.
#pragma once

#include "object/thread.hpp"

namespace bulkhead::kernel {

class EventSet : public Object {
public:
    EventSet() : Object{ObjectType::event_set}, page_{static_cast<EventPage*>(arch::to_virtual(page_frame()))} {}

    /// The object's second page.
    HostPhys page_frame() const { return HostPhys{arch::to_physical(this).value + page_size}; }

    /// Sets a bit (below event_bits); word before summary, as the receiver clears summary before word.
    void set(std::uint32_t bit) {
        EventPage& p = *page_;
        written_ = true;
        __atomic_fetch_or(&p.word[bit / 64], std::uint64_t{1} << (bit % 64), __ATOMIC_RELEASE);
        __atomic_fetch_or(&p.summary[bit / 64 / 64], std::uint64_t{1} << (bit / 64 % 64), __ATOMIC_RELEASE);
    }
    /// Reads memory that the receiver can write: it can only mislead itself.
    bool any() { return written_ && look(); }

    EventPage& page() const { return *page_; }

    Ref<Thread> waiter; ///< in `wait`
    Ref<Thread> bound;  ///< its vcpu_run and reply_wait end

private:
    bool look() {
        const EventPage& p = *page_;
        static_assert(sizeof p.summary == 8 * sizeof p.summary[0]);
        const auto word = [&](unsigned i) { return __atomic_load_n(&p.summary[i], __ATOMIC_RELAXED); };
        const bool seen = (word(0) | word(1) | word(2) | word(3) | word(4) | word(5) | word(6) | word(7)) != 0;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        written_ = seen;
        return seen;
    }

    EventPage* page_;
    bool written_{false}; ///< since nothing was seen in the page
};

} // namespace bulkhead::kernel
