// SPDX-License-Identifier: Apache-2.0
// The deadlines of one vCPU, in nanoseconds of system time: Xen's singleshot and periodic timers and the end of a poll.
// It must not know: time-stamp counters, events.
#pragma once

#include <cstdint>

namespace bulkhead::vcpu {

class Timers {
public:
    static constexpr std::uint64_t none = ~std::uint64_t{0};

    void set_singleshot(std::uint64_t when_ns) { set(singleshot_, when_ns); }
    void stop_singleshot() { set(singleshot_, none); }
    void set_periodic(std::uint64_t period_ns, std::uint64_t now_ns) {
        period_ = period_ns;
        set(next_period_, now_ns + period_ns < now_ns ? none : now_ns + period_ns);
    }
    void stop_periodic() { set(next_period_, none); }
    void set_poll(std::uint64_t when_ns) { set(poll_, when_ns); }
    void stop_poll() { set(poll_, none); }

    /// The earliest deadline, or `none`.
    std::uint64_t next() const { return next_; }

    struct Fired {
        bool timer{false}; ///< VIRQ_TIMER is due
        bool poll{false};  ///< a poll has timed out
    };
    /// Takes what is due. Periods that were missed count as one.
    Fired expire(std::uint64_t now_ns) {
        Fired fired;
        if (singleshot_ <= now_ns) {
            set(singleshot_, none);
            fired.timer = true;
        }
        if (next_period_ <= now_ns) {
            const std::uint64_t missed = (now_ns - next_period_) / period_;
            const std::uint64_t step = (missed + 1) * period_;
            set(next_period_, next_period_ + step < next_period_ ? none : next_period_ + step);
            fired.timer = true;
        }
        if (poll_ <= now_ns) {
            set(poll_, none);
            fired.poll = true;
        }
        return fired;
    }

private:
    void set(std::uint64_t& timer, std::uint64_t when_ns) {
        timer = when_ns;
        const std::uint64_t first = singleshot_ < next_period_ ? singleshot_ : next_period_;
        next_ = first < poll_ ? first : poll_;
    }

    std::uint64_t singleshot_{none};
    std::uint64_t next_period_{none};
    std::uint64_t period_{0};
    std::uint64_t poll_{none};
    std::uint64_t next_{none}; ///< the earliest of them
};

} // namespace bulkhead::vcpu
