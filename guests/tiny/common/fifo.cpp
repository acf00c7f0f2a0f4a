// SPDX-License-Identifier: Apache-2.0
// Takes events out of the queues of the FIFO ABI: most urgent queue first, each from its head along the links.
#include "fifo.hpp"

#include "events.hpp"
#include "memory.hpp"

namespace bulkhead::guest {
namespace {

constexpr event_word_t pending = event_word_t{1} << EVTCHN_FIFO_PENDING;
constexpr event_word_t masked = event_word_t{1} << EVTCHN_FIFO_MASKED;
constexpr event_word_t linked = event_word_t{1} << EVTCHN_FIFO_LINKED;

alignas(4096) event_word_t words[fifo_ports];
alignas(4096) unsigned char control_page[4096];
constexpr std::uint32_t control_offset = 8;

std::uint32_t ready;
std::uint32_t next_port[EVTCHN_FIFO_MAX_QUEUES]; // 0: the queue begins anew, at the control block's head
std::uint32_t last_priority;

/// Takes the word out of its queue: what it was linked to. One atomic step, or an event that is being linked behind it
/// would be lost.
std::uint32_t unlink(event_word_t& word) {
    event_word_t seen = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(&word, &seen, seen & ~(linked | EVTCHN_FIFO_LINK_MASK), false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
    }
    return seen & EVTCHN_FIFO_LINK_MASK;
}

void take_one(std::uint32_t queue) {
    std::uint32_t port = next_port[queue];
    if (port == 0) {
        port = __atomic_load_n(&fifo_control().head[queue], __ATOMIC_SEQ_CST);
    }
    port %= fifo_ports; // what this guest has written itself may be no port
    event_word_t& word = words[port];
    next_port[queue] = unlink(word);
    if (next_port[queue] == 0) {
        ready &= ~(1u << queue);
    }
    const event_word_t now = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
    if ((now & pending) != 0 && (now & masked) == 0) {
        __atomic_fetch_and(&word, ~pending, __ATOMIC_SEQ_CST);
        last_priority = queue;
        count_event(port);
    }
}

void take_events() {
    // A corrupted queue may be a circle: no more turns than there can be events.
    constexpr std::uint32_t most = 2 * fifo_ports;
    __atomic_store_n(&shared().vcpu_info[0].evtchn_upcall_pending, std::uint8_t{0}, __ATOMIC_SEQ_CST);
    for (std::uint32_t i = 0; i < most; ++i) {
        ready |= __atomic_exchange_n(&fifo_control().ready, 0u, __ATOMIC_SEQ_CST) & 0xffff;
        if (ready == 0) {
            return;
        }
        take_one(static_cast<std::uint32_t>(__builtin_ctz(ready)));
    }
    ready = 0;
}

} // namespace

event_word_t& fifo_word(std::uint32_t port) {
    return words[port % fifo_ports];
}

evtchn_fifo_control_block& fifo_control() {
    return *reinterpret_cast<evtchn_fifo_control_block*>(control_page + control_offset);
}

std::int64_t set_priority(std::uint32_t port, std::uint32_t priority) {
    evtchn_set_priority set{port, priority};
    return hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_set_priority, set);
}

std::uint32_t fifo_last_priority() {
    return last_priority;
}

std::int64_t use_fifo_events() {
    set_up_events();
    evtchn_init_control init{};
    init.control_gfn = frame_of(control_page);
    init.offset = control_offset;
    if (const auto result = hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, init); result != 0) {
        return result;
    }
    take_events_by(take_events);
    evtchn_expand_array expand{frame_of(words)};
    return hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, expand);
}

} // namespace bulkhead::guest
