// SPDX-License-Identifier: Apache-2.0
// Reading an EventSet's page: which bits have been signalled since the last time.
// It must not know: what any bit means.
#pragma once

#include <bit>
#include <iterator>

#include <bulkhead/sys.hpp>

namespace bulkhead {

/// The page of the component's own EventSet.
inline EventPage& own_event_page() {
    return *static_cast<EventPage*>(sys::pointer(layout::event_page_address));
}

/// Takes every bit that is set, in ascending order, and calls `each(bit)`. The order of the two exchanges is the
/// kernel's rule: it sets the word first and the summary after it, so a bit that arrives meanwhile is seen now or
/// leaves its summary bit behind. Bounded by the size of the page, however fast signals arrive. Returns how many bits
/// it took.
template <typename F> std::uint32_t drain(EventPage& page, F&& each) {
    std::uint32_t taken = 0;
    for (std::uint32_t s = 0; s < std::size(page.summary); ++s) {
        if (__atomic_load_n(&page.summary[s], __ATOMIC_RELAXED) == 0) {
            continue;
        }
        std::uint64_t words = __atomic_exchange_n(&page.summary[s], 0, __ATOMIC_ACQUIRE);
        for (; words != 0; words &= words - 1) {
            const std::uint32_t index = s * 64 + static_cast<std::uint32_t>(std::countr_zero(words));
            if (index >= EventPage::words) {
                break;
            }
            std::uint64_t bits = __atomic_exchange_n(&page.word[index], 0, __ATOMIC_ACQUIRE);
            for (; bits != 0; bits &= bits - 1) {
                each(index * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
                ++taken;
            }
        }
    }
    return taken;
}

} // namespace bulkhead
