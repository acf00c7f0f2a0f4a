// SPDX-License-Identifier: Apache-2.0
// The domain's watchdogs (SCHEDOP_watchdog in public/sched.h): two, which the guest must set again before they expire.
// It must not know: what happens when one does, whose thread looks.
#pragma once

#include <bulkhead/xen.hpp>

#include "timers.hpp"

namespace bulkhead::vcpu {

class Watchdogs {
public:
    static constexpr std::uint32_t count = 2; // as many as Xen gives a domain
    static constexpr std::uint64_t ns_per_second = 1'000'000'000;

    /// id 0 takes a free one and returns its id; others set one again. timeout_s 0 gives it back.
    xen::Result set(std::uint32_t id, std::uint32_t timeout_s, std::uint64_t now_ns) {
        if (id > count) {
            return -XEN_EINVAL;
        }
        const std::uint64_t when = now_ns + timeout_s * ns_per_second; // 2^32 seconds are less than 2^62 ns
        if (id != 0) {
            if (when_[id - 1] == Timers::none) {
                return -XEN_EINVAL;
            }
            put(id - 1, timeout_s == 0 ? Timers::none : when);
            return 0;
        }
        if (timeout_s == 0) {
            return -XEN_EINVAL;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (when_[i] == Timers::none) {
                put(i, when);
                return static_cast<xen::Result>(i) + 1;
            }
        }
        return -XEN_ENOSPC;
    }

    /// When the first expires, or Timers::none.
    std::uint64_t next() const { return next_; }

private:
    void put(std::uint32_t index, std::uint64_t when_ns) {
        when_[index] = when_ns;
        next_ = when_[0] < when_[1] ? when_[0] : when_[1];
    }

    std::uint64_t when_[count]{Timers::none, Timers::none};
    std::uint64_t next_{Timers::none};
};

} // namespace bulkhead::vcpu
