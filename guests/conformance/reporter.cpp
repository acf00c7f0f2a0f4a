// SPDX-License-Identifier: Apache-2.0
// The report's way out, by hypercalls of this image's own (machine.hpp). The ring is public/io/console.h's.
#include "reporter.hpp"

#include "guest.hpp"
#include "machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr unsigned patience = 100'000;

std::uint64_t parameter(std::uint32_t index) {
    xen_hvm_param p{};
    p.domid = DOMID_SELF;
    p.index = index;
    return operate(__HYPERVISOR_hvm_op, HVMOP_get_param, p) == 0 ? p.value : 0;
}

struct Ring {
    xencons_interface* ring;
    evtchn_send notify;
};
Ring& console() {
    static Ring found{
        reinterpret_cast<xencons_interface*>(static_cast<Word>(parameter(HVM_PARAM_CONSOLE_PFN)) * page_bytes),
        {static_cast<evtchn_port_t>(parameter(HVM_PARAM_CONSOLE_EVTCHN))}};
    return found;
}
bool notify() {
    return operate(__HYPERVISOR_event_channel_op, EVTCHNOP_send, console().notify) == 0;
}
std::uint32_t waiting() {
    const auto* ring = console().ring;
    return ring == nullptr ? 0 : ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
}
/// Whether `bytes` have room in the ring, by and by.
bool room_for(std::size_t bytes) {
    for (unsigned i = 0; i < patience; ++i) {
        if (waiting() + bytes <= sizeof console().ring->out) {
            return true;
        }
        (void)issue(__HYPERVISOR_sched_op, SCHEDOP_yield);
    }
    return false;
}

} // namespace

void say(const guest::Line& line) {
    static bool by_ring = console().ring != nullptr;
    by_ring = by_ring && notify() && room_for(line.size());
    if (!by_ring) {
        guest::debug_port_write(line);
        return;
    }
    auto* ring = console().ring;
    for (std::size_t i = 0; i < line.size(); ++i) {
        ring->out[(ring->out_prod + i) % sizeof ring->out] = line.data()[i];
    }
    __atomic_store_n(&ring->out_prod, ring->out_prod + static_cast<std::uint32_t>(line.size()), __ATOMIC_RELEASE);
    (void)notify();
}

void drain() {
    for (unsigned i = 0; i < patience && waiting() != 0; ++i) {
        (void)issue(__HYPERVISOR_sched_op, SCHEDOP_yield);
    }
}

} // namespace bulkhead::conformance
