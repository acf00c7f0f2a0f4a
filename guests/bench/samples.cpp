// SPDX-License-Identifier: Apache-2.0
// The samples' memory, and what is to be known of them.
// It must not know: what is measured, nor where figures go.
#include "samples.hpp"

namespace bulkhead {
namespace {

std::uint64_t ticks[max_samples];

/// In place, shell sort: there are a thousand at most.
void sort(std::uint32_t count) {
    for (std::uint32_t gap = count / 2; gap != 0; gap /= 2) {
        for (std::uint32_t i = gap; i < count; ++i) {
            const std::uint64_t value = ticks[i];
            std::uint32_t at = i;
            for (; at >= gap && ticks[at - gap] > value; at -= gap) {
                ticks[at] = ticks[at - gap];
            }
            ticks[at] = value;
        }
    }
}

} // namespace

std::uint64_t empty_ticks() {
    static const std::uint64_t least = [] {
        std::uint64_t result = ~std::uint64_t{0};
        for (int i = 0; i < 64; ++i) {
            const auto start = ticks_now();
            const auto passed = ticks_now() - start;
            result = passed < result ? passed : result;
        }
        return result;
    }();
    return least;
}

Samples::Samples() {
    (void)empty_ticks();
}

void Samples::add(std::uint64_t value) {
    if (count_ < max_samples) {
        const std::uint64_t empty = empty_ticks();
        ticks[count_++] = value > empty ? value - empty : 0;
    }
}

Figures Samples::figures() const {
    sort(count_);
    return {ticks[0], ticks[count_ / 2], ticks[count_ - 1], count_};
}

} // namespace bulkhead
