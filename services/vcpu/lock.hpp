// SPDX-License-Identifier: Apache-2.0
// The one lock of a monitor: whoever handles an exit holds it while it looks at what the domain's vCPUs share. A thread
// that has to wait sleeps: it never spins, since the holder may need the very CPU that it would spin on. It must not
// know: what the lock protects.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

namespace bulkhead::vcpu {

/// A lock that is handed over: the thread that lets go of it says who has it next, in the order of their numbers from
/// its own on, so that each waiter waits for every other at most once. `Bells` says how threads sleep:
///     void wait(std::uint32_t self)   until somebody has rung that thread's bell, possibly before; it may return early
///     void ring(std::uint32_t other)
template <typename Bells> class HandoverLock {
public:
    static constexpr std::uint32_t max_threads = 32;

    HandoverLock() = default;
    explicit HandoverLock(Bells bells) : bells_{bells} {}

    void acquire(std::uint32_t self) {
        std::uint64_t now = word_.load(std::memory_order_relaxed);
        for (;;) {
            if ((now & held) == 0) {
                if (word_.compare_exchange_weak(now, now | held, std::memory_order_acquire)) {
                    return;
                }
            } else if (word_.compare_exchange_weak(now, now | bit(self), std::memory_order_relaxed)) {
                break;
            }
        }
        const auto mine = static_cast<std::uint32_t>(bit(self));
        while ((given_.load(std::memory_order_acquire) & mine) == 0) {
            bells_.wait(self);
        }
        given_.fetch_and(~mine, std::memory_order_relaxed);
    }

    void release(std::uint32_t self) {
        std::uint64_t now = word_.load(std::memory_order_relaxed);
        for (;;) {
            const auto waiters = static_cast<std::uint32_t>(now);
            if (waiters == 0) {
                if (word_.compare_exchange_weak(now, 0, std::memory_order_release)) {
                    return;
                }
                continue;
            }
            const std::uint32_t next = first_after(waiters, self);
            if (word_.compare_exchange_weak(now, now & ~bit(next), std::memory_order_relaxed)) { // it stays held
                given_.fetch_or(static_cast<std::uint32_t>(bit(next)), std::memory_order_release);
                bells_.ring(next);
                return;
            }
        }
    }

    Bells& bells() { return bells_; }
    bool held_by_someone() const { return (word_.load(std::memory_order_relaxed) & held) != 0; }

private:
    static constexpr std::uint64_t held = std::uint64_t{1} << max_threads; ///< above it: one bit for each that waits
    static constexpr std::uint64_t bit(std::uint32_t thread) { return std::uint64_t{1} << thread; }
    static std::uint32_t first_after(std::uint32_t waiters, std::uint32_t self) {
        const std::uint32_t rotated = std::rotr(waiters, static_cast<int>((self + 1) % max_threads));
        return (static_cast<std::uint32_t>(std::countr_zero(rotated)) + self + 1) % max_threads;
    }

    std::atomic<std::uint64_t> word_{0};
    std::atomic<std::uint32_t> given_{0};
    Bells bells_{};
};

} // namespace bulkhead::vcpu
