// SPDX-License-Identifier: Apache-2.0
// Event delivery by the FIFO ABI (public/event_channel.h): event words in array pages, one control block and 16 queues
// per vCPU. All of it lies in the guest's memory, and what the guest writes there is not believed: no link and no head
// is ever followed, and the tails, which decide where the next event goes, are kept here. So a guest that makes
// nonsense of its queues loses its own events and nothing else.
// It must not know: who is connected to whom, how the guest gets the interrupt.
#pragma once

#include <cstdint>

#include "config.hpp"

namespace bulkhead::vcpu {

class Fifo {
public:
    static constexpr std::uint32_t queues = EVTCHN_FIFO_MAX_QUEUES;
    static constexpr std::uint32_t ports_per_page = page_size / sizeof(event_word_t);
    static constexpr std::uint32_t max_pages = EVTCHN_FIFO_NR_CHANNELS / ports_per_page;

    bool active() const { return active_; }
    /// From now on events go through queues, all ports with the default priority; no vCPU has a control block yet.
    void start();
    /// Back to the 2-level ABI: forgets all blocks and pages.
    void stop();

    bool has_control_block(std::uint32_t vcpu) const { return vcpus_[vcpu].block != nullptr; }
    void set_control_block(std::uint32_t vcpu, evtchn_fifo_control_block* block) { vcpus_[vcpu].block = block; }
    /// False: there are as many as the ABI has.
    [[nodiscard]] bool add_page(event_word_t* words);
    /// Ports that have a word: those below this one.
    std::uint32_t ports_with_word() const { return page_count_ * ports_per_page; }

    /// Sets the port pending and puts it into its queue of that vCPU, unless it is masked or in a queue already.
    /// True: the vCPU is to be told.
    [[nodiscard]] bool raise(std::uint32_t port, std::uint32_t vcpu);
    [[nodiscard]] bool unmask(std::uint32_t port, std::uint32_t vcpu);
    /// For a port that could not be put into a queue before: its word, or its vCPU's control block, was missing.
    [[nodiscard]] bool raise_again(std::uint32_t port, std::uint32_t vcpu);
    bool is_pending(std::uint32_t port) const;
    /// A pending port stays in its queue: the guest takes it out and finds nothing to do.
    void clear_pending(std::uint32_t port);
    /// Remembers an event of before the queues, or of before the port's word.
    void hold(std::uint32_t port) { ports_[port].held = true; }

    /// For events to come; one that is in a queue already stays there.
    void set_priority(std::uint32_t port, std::uint8_t priority) { ports_[port].priority = priority; }
    void reset_priority(std::uint32_t port) { set_priority(port, EVTCHN_FIFO_PRIORITY_DEFAULT); }

private:
    struct PortState {
        std::uint8_t priority{EVTCHN_FIFO_PRIORITY_DEFAULT};
        std::uint8_t last_vcpu{0}; ///< the queue it was put into last
        std::uint8_t last_queue{0};
        bool held{false}; ///< pending, but it has no word yet to say so
    };
    struct Queues {
        evtchn_fifo_control_block* block{nullptr};
        std::uint32_t tail[queues]{}; ///< 0: the queue was never used, or its tail went into another one
    };

    event_word_t* word(std::uint32_t port) const {
        return port < ports_with_word() ? pages_[port / ports_per_page] + port % ports_per_page : nullptr;
    }
    bool enqueue(std::uint32_t port, std::uint32_t vcpu, event_word_t& word);
    void leave_last_queue(std::uint32_t port);

    bool active_{false};
    std::uint32_t page_count_{0};
    event_word_t* pages_[max_pages]{};
    Queues vcpus_[max_vcpus]{};
    PortState ports_[max_ports]{};
};

} // namespace bulkhead::vcpu
