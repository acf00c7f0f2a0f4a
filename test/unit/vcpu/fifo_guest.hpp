// SPDX-License-Identifier: Apache-2.0
// The guest's side of the FIFO ABI (public/event_channel.h), as a well-behaved kernel has it: takes events out of the
// queues of one vCPU, most urgent queue first.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include <bulkhead/xen.hpp>

namespace bulkhead::vcpu::test {

constexpr event_word_t fifo_pending = event_word_t{1} << EVTCHN_FIFO_PENDING;
constexpr event_word_t fifo_masked = event_word_t{1} << EVTCHN_FIFO_MASKED;
constexpr event_word_t fifo_linked = event_word_t{1} << EVTCHN_FIFO_LINKED;
constexpr event_word_t fifo_busy = event_word_t{1} << EVTCHN_FIFO_BUSY;

class FifoConsumer {
public:
    FifoConsumer(evtchn_fifo_control_block& block, event_word_t* words) : block_{block}, words_{words} {}

    /// Takes one port out of the most urgent queue that has any. A port that was masked or is no longer pending is
    /// taken out and not returned: {0, priority}. Nothing: all queues are empty.
    struct Taken {
        std::uint32_t port;
        std::uint32_t priority;
    };
    std::optional<Taken> take() {
        ready_ |= __atomic_exchange_n(&block_.ready, 0, __ATOMIC_SEQ_CST);
        if (ready_ == 0) {
            return {};
        }
        const auto queue = static_cast<std::uint32_t>(__builtin_ctz(ready_));
        std::uint32_t port = head_[queue];
        if (port == 0) {
            port = __atomic_load_n(&block_.head[queue], __ATOMIC_SEQ_CST); // a queue that was empty begins anew
        }
        event_word_t& word = words_[port];
        head_[queue] = unlink(word);
        if (head_[queue] == 0) {
            ready_ &= ~(1u << queue);
        }
        const event_word_t now = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
        if ((now & fifo_pending) == 0 || (now & fifo_masked) != 0) {
            return Taken{0, queue};
        }
        __atomic_fetch_and(&word, ~fifo_pending, __ATOMIC_SEQ_CST);
        return Taken{port, queue};
    }
    /// Everything that is pending, in order.
    std::vector<std::uint32_t> all() {
        std::vector<std::uint32_t> ports;
        while (const auto taken = take()) {
            if (taken->port != 0) {
                ports.push_back(taken->port);
            }
        }
        return ports;
    }

private:
    /// In one step: the monitor may be linking an event behind this one.
    static std::uint32_t unlink(event_word_t& word) {
        event_word_t seen = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
        const event_word_t keep = ~(fifo_linked | EVTCHN_FIFO_LINK_MASK);
        while (!__atomic_compare_exchange_n(&word, &seen, seen & keep, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        }
        return seen & EVTCHN_FIFO_LINK_MASK;
    }

    evtchn_fifo_control_block& block_;
    event_word_t* words_;
    std::uint32_t ready_{0};
    std::array<std::uint32_t, EVTCHN_FIFO_MAX_QUEUES> head_{};
};

} // namespace bulkhead::vcpu::test
