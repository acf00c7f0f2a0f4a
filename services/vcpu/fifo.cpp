// SPDX-License-Identifier: Apache-2.0
// The queues of the FIFO ABI. Event words are changed by atomic operations only: the guest does the same at the same
// time. It must not know: who is connected to whom, how the guest gets the interrupt.
#include "fifo.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr event_word_t pending = event_word_t{1} << EVTCHN_FIFO_PENDING;
constexpr event_word_t masked = event_word_t{1} << EVTCHN_FIFO_MASKED;
constexpr event_word_t linked = event_word_t{1} << EVTCHN_FIFO_LINKED;
constexpr event_word_t busy = event_word_t{1} << EVTCHN_FIFO_BUSY;
constexpr event_word_t link_mask = EVTCHN_FIFO_LINK_MASK;

event_word_t load(const event_word_t& word) {
    return __atomic_load_n(&word, __ATOMIC_SEQ_CST);
}
/// The word as it was before.
event_word_t set(event_word_t& word, event_word_t bits) {
    return __atomic_fetch_or(&word, bits, __ATOMIC_SEQ_CST);
}
event_word_t clear(event_word_t& word, event_word_t bits) {
    return __atomic_fetch_and(&word, ~bits, __ATOMIC_SEQ_CST);
}

/// Makes the tail's word point to the port, if the tail is still in the queue. A guest that changes the word all the
/// time is asked to wait (BUSY) and then given up on: the port starts the queue anew, what was in it is lost.
bool link_behind(event_word_t& tail, std::uint32_t port) {
    constexpr int polite_attempts = 4;
    constexpr int attempts = 8;
    event_word_t seen = load(tail);
    for (int i = 0; i < attempts; ++i) {
        if (i == polite_attempts) {
            seen = set(tail, busy) | busy;
        }
        if ((seen & linked) == 0) {
            break;
        }
        const event_word_t next = (seen & ~(busy | link_mask)) | port;
        if (__atomic_compare_exchange_n(&tail, &seen, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    (void)clear(tail, busy);
    return false;
}

} // namespace

void Fifo::start() {
    stop();
    active_ = true;
}

/// Piece by piece: as a whole it is too much for a stack.
void Fifo::stop() {
    active_ = false;
    page_count_ = 0;
    for (event_word_t*& page : pages_) {
        page = nullptr;
    }
    for (Queues& vcpu : vcpus_) {
        vcpu = {};
    }
    for (PortState& port : ports_) {
        port = {};
    }
}

bool Fifo::add_page(event_word_t* words) {
    if (page_count_ == max_pages) {
        return false;
    }
    pages_[page_count_++] = words;
    return true;
}

bool Fifo::raise(std::uint32_t port, std::uint32_t vcpu) {
    event_word_t* const its = word(port);
    if (its == nullptr) {
        hold(port);
        return false;
    }
    (void)set(*its, pending);
    return enqueue(port, vcpu, *its);
}

bool Fifo::unmask(std::uint32_t port, std::uint32_t vcpu) {
    event_word_t* const its = word(port);
    return its != nullptr && (clear(*its, masked) & pending) != 0 && enqueue(port, vcpu, *its);
}

bool Fifo::raise_again(std::uint32_t port, std::uint32_t vcpu) {
    event_word_t* const its = word(port);
    if (its == nullptr) {
        return false;
    }
    if (ports_[port].held) {
        ports_[port].held = false;
        return raise(port, vcpu);
    }
    return (load(*its) & pending) != 0 && enqueue(port, vcpu, *its);
}

bool Fifo::is_pending(std::uint32_t port) const {
    const event_word_t* const its = word(port);
    return its != nullptr ? (load(*its) & pending) != 0 : ports_[port].held;
}

void Fifo::clear_pending(std::uint32_t port) {
    ports_[port].held = false;
    if (event_word_t* const its = word(port)) {
        (void)clear(*its, pending);
    }
}

/// If the port was the tail there, nothing may be linked behind it any more: its link belongs to its next queue.
void Fifo::leave_last_queue(std::uint32_t port) {
    const PortState& p = ports_[port];
    std::uint32_t& tail = vcpus_[p.last_vcpu].tail[p.last_queue];
    if (tail == port) {
        tail = 0;
    }
}

/// LINKED is set before anything else: whoever sets it owns the port's link.
bool Fifo::enqueue(std::uint32_t port, std::uint32_t vcpu, event_word_t& its) {
    Queues& to = vcpus_[vcpu];
    if (to.block == nullptr || (load(its) & masked) != 0 || (set(its, linked) & linked) != 0) {
        return false;
    }
    leave_last_queue(port);
    PortState& p = ports_[port];
    p.last_vcpu = static_cast<std::uint8_t>(vcpu);
    p.last_queue = p.priority;
    std::uint32_t& tail = to.tail[p.priority];
    const bool appended = tail != 0 && link_behind(*word(tail), port);
    tail = port;
    if (appended) {
        return false; // the guest is at this queue already, or has been told of it
    }
    __atomic_store_n(&to.block->head[p.priority], port, __ATOMIC_SEQ_CST);
    const std::uint32_t bit = std::uint32_t{1} << p.priority;
    return (__atomic_fetch_or(&to.block->ready, bit, __ATOMIC_SEQ_CST) & bit) == 0;
}

} // namespace bulkhead::vcpu
