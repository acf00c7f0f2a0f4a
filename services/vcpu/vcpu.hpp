// SPDX-License-Identifier: Apache-2.0
// Everything that belongs to one vCPU.
// Its own thread changes it; what other threads may touch, and how, is marked. It must not know: the other vCPUs, the
// domain's memory.
#pragma once

#include <bulkhead/abi/vcpu.hpp>
#include <bulkhead/slots.hpp>
#include <bulkhead/xen.hpp>

#include "lapic.hpp"
#include "mailbox.hpp"
#include "power.hpp"
#include "timers.hpp"

namespace bulkhead::vcpu {

/// Why a vCPU does not execute instructions.
enum class Sleep : std::uint8_t {
    awake,
    halted,  ///< HLT: until an interrupt can be delivered
    blocked, ///< SCHEDOP_block: until an event is pending
    polling, ///< SCHEDOP_poll: until one of its ports is pending, an event is, or time is up
    flushing ///< HVMOP_flush_tlbs: until no other vCPU has its translations still to drop
};

inline constexpr std::uint32_t max_poll_ports = 128;

/// Time spent in each RUNSTATE_*, and where the guest wants to read it.
struct Runstate {
    vcpu_runstate_info info{};
    std::uint64_t area{0};   ///< guest-virtual; 0: none
    std::uint64_t waited{0}; ///< of Utcb::waited, what `info` has in it
};

/// Who put a vector into VcpuState::pending_vector.
enum class Offer : std::uint8_t { none, callback, lapic };

struct Vcpu {
    std::uint32_t id{0};
    VcpuState* state{nullptr};
    VcpuGroups changed{VcpuGroups::none}; ///< what the monitor has written since the kernel looked last

    // Others may change these, with the domain's lock.
    Power power;
    vcpu_info* info{nullptr}; ///< the guest's page, as the monitor sees it; its selector: SharedLayout
    bool info_registered{false};
    std::uint8_t upcall_vector{0}; ///< HVMOP_set_evtchn_upcall_vector; 0: the domain's callback is used
    std::uint32_t virq_port[NR_VIRQS]{};

    Timers timers;
    Runstate runstate;
    std::uint64_t time_area{0}; ///< guest-virtual, VCPUOP_register_vcpu_time_memory_area

    // Others may put something into it at any time, and then kick the thread.
    Mailbox mail;

    // Others only read these, with the domain's lock.
    Lapic lapic;
    Sleep sleep{Sleep::awake};
    std::uint32_t poll_count{0};
    std::uint32_t poll_port[max_poll_ports]{};

    std::uint64_t deadline_ns{Timers::none}; ///< what `deadline` was computed from
    Tsc deadline{0};                         ///< when the next timer is due; 0: none is set
    bool yield{false};                       ///< the rest of the time slice is given up before the next entry

    Offer offer{Offer::none};
    std::uint8_t offered_vector{0};

    Port signal_port{0}; ///< to be signalled by the next vcpu_run, before the guest continues; 0: none
    std::uint32_t invalid_entries{0};

    std::uint64_t pat{0}, tsc_aux{0};   ///< what the guest wrote last
    std::uint64_t debug_control{0x400}; ///< DR7, where the guest's moves to it exit

    /// The next run hands these groups of the state page to the kernel.
    void touch(VcpuGroups groups) { changed = changed | groups; }
};

} // namespace bulkhead::vcpu
