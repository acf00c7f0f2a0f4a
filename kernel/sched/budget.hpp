// SPDX-License-Identifier: Apache-2.0
// CPU time: who may run how long in each period, and the timed things that a CPU waits for.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead::kernel {

class Thread;

/// Something that happens at a point in time, in one CPU's ordered list.
struct Timeout {
    enum class Kind : std::uint8_t { deadline, refill };

    explicit Timeout(Thread& owner, Kind what) : thread{&owner}, kind{what} {}

    std::uint64_t when{0};
    Timeout* next{nullptr};
    Timeout** previous{nullptr}; ///< null: not in a list
    CpuId cpu{0};                ///< whose list
    Thread* thread;
    Kind kind;
    bool armed() const { return previous != nullptr; }
};

/// A thread's own CPU time.
struct Budget {
    enum class Place : std::uint8_t {
        none,     ///< its thread is blocked or has no CPU time
        ready,    ///< in its CPU's queue
        depleted, ///< until the next period
        parked    ///< whoever it would run is running elsewhere or blocked
    };

    bool present{false};
    Place place{Place::none};
    CpuId cpu{0};
    std::uint32_t priority{0};
    std::uint64_t budget{0}; ///< ticks per period; 0: no limit
    std::uint64_t period{0};
    std::uint64_t left{0};        ///< of this period
    std::uint64_t refill_at{0};   ///< end of this period
    std::uint64_t slice_left{0};  ///< of the turn among equals
    std::uint64_t waits_since{0}; ///< when it was charged last, or began to want a CPU
    Thread* next{nullptr};        ///< ready queue, or list of the parked
    Thread** previous{nullptr};
};

} // namespace bulkhead::kernel
