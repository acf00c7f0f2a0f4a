// SPDX-License-Identifier: Apache-2.0
// What other threads of the monitor may put before a vCPU without the lock and while it runs: interrupt vectors, an
// NMI, and that its translations are old. Its own thread takes them out. It must not know: how they get into the guest.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

namespace bulkhead::vcpu {

class Mailbox {
public:
    void post(std::uint8_t vector) {
        vectors_[vector / 32].fetch_or(1u << (vector % 32), std::memory_order_relaxed);
        news_.store(true, std::memory_order_release);
    }
    void post_nmi() {
        nmi_.store(true, std::memory_order_relaxed);
        news_.store(true, std::memory_order_release);
    }

    void post_flush() {
        flush_.store(true, std::memory_order_relaxed);
        news_.store(true, std::memory_order_release);
    }
    /// Whether one is still to be taken out.
    bool flush_waits() const { return flush_.load(std::memory_order_acquire); }

    /// Takes everything: calls `each(vector)` for every vector once, in no order, and `nmi()`, `flush()`.
    template <typename Each, typename Nmi, typename Flush> void collect(Each&& each, Nmi&& nmi, Flush&& flush) {
        if (!news_.load(std::memory_order_relaxed) || !news_.exchange(false, std::memory_order_acquire)) {
            return;
        }
        for (std::uint32_t i = 0; i < words; ++i) {
            std::uint32_t bits = vectors_[i].exchange(0, std::memory_order_acquire);
            for (; bits != 0; bits &= bits - 1) {
                each(static_cast<std::uint8_t>(i * 32 + static_cast<std::uint32_t>(std::countr_zero(bits))));
            }
        }
        if (nmi_.exchange(false, std::memory_order_acquire)) {
            nmi();
        }
        if (flush_.exchange(false, std::memory_order_acq_rel)) {
            flush();
        }
    }
    void clear() {
        collect([](std::uint8_t) {}, [] {}, [] {});
    }

private:
    static constexpr std::uint32_t words = 8;
    std::atomic<std::uint32_t> vectors_[words]{};
    std::atomic<bool> nmi_{false};
    std::atomic<bool> flush_{false};
    std::atomic<bool> news_{false}; ///< set last, taken first: an item without it is seen the next time
};

} // namespace bulkhead::vcpu
