// SPDX-License-Identifier: Apache-2.0
// Everything that belongs to the monitor's domain as a whole.
// It must not know: how exits and hypercalls are handled.
#pragma once

#include <span>

#include <bulkhead/abi/syscall.hpp>
#include <bulkhead/slot_allocator.hpp>
#include <bulkhead/xen.hpp>
#include <xen/hvm/e820.h>

#include "clock.hpp"
#include "config.hpp"
#include "cpuid.hpp"
#include "fifo.hpp"
#include "foreign_pages.hpp"
#include "guest_access.hpp"
#include "guest_log.hpp"
#include "guest_memory.hpp"
#include "hypercall/continuation.hpp"
#include "lock.hpp"
#include "shared_layout.hpp"
#include "vcpu.hpp"
#include "watchdogs.hpp"

namespace bulkhead::vcpu {

/// The two instructions that a test replaces.
struct Processor {
    HostCpuid cpuid{nullptr};
    Tsc (*now)(){nullptr};
};

/// What the monitor knows about an event-channel port; who is connected to whom is the event component's.
enum class PortKind : std::uint8_t {
    closed,
    unknown, ///< the event component is to be asked
    unbound,
    interdomain, ///< the port has a sender
    virq,
    ipi
};
struct PortInfo {
    PortKind kind{PortKind::closed};
    std::uint8_t vcpu{0}; ///< whom it notifies
    std::uint8_t virq{0};
    std::uint16_t sender{0}; ///< interdomain: the slot of the other end's capability
};
static_assert(slot::monitor_slots <= 0x1'0000);

/// An entry of the memory map as XENMEM_memory_map returns it (the BIOS's E820 form).
struct [[gnu::packed]] E820Entry {
    std::uint64_t address, bytes;
    std::uint32_t type;
};
static_assert(sizeof(E820Entry) == 20);
inline constexpr std::uint32_t max_e820 = 128;

/// How the domain is told of events: HVM_PARAM_CALLBACK_IRQ.
struct Callback {
    std::uint64_t raw{0};
    std::uint8_t vector{0}; ///< 0: not by a vector
};

/// Threads of the monitor sleep on a bell each: an EventSet that nothing else is signalled to.
struct ThreadBells {
    EventPage* page[max_vcpus]{};

    void wait(std::uint32_t self);
    static void ring(std::uint32_t other);
};

struct Domain {
    HandoverLock<ThreadBells> lock;
    Vcpu* holder{nullptr}; ///< whose thread has the lock; nullptr also while there is but one thread
    std::uint32_t threads_left{0};
    Config config{};
    Processor processor{};
    Clock clock;
    GuestMemory memory;
    shared_info* shared{nullptr}; ///< what is in it lies where shared_layout(width) says
    Width width{Width::x86_64};   ///< of the shared structures; see width.hpp
    Gfn shared_gfn{0};
    bool shared_mapped{false};

    /// Where the monitor sees its domain's grant table with the status frames behind it.
    struct {
        std::uint8_t* table{nullptr};
        std::uint32_t version{1}; ///< of the table

        std::uint8_t* status_frame(std::uint64_t index) const { return table + (max_grant_frames + index) * page_size; }
    } grant;
    ForeignPages foreign;

    Vcpu vcpus[max_vcpus];
    PortInfo ports[max_ports];
    Fifo fifo;
    std::uint64_t sender_bits[slot::max_senders / 64]{};
    SlotAllocator sender_slots{slot::first_sender, slot::max_senders, sender_bits};

    Callback callback;
    std::uint64_t params[HVM_NR_PARAMS]{};
    bool runstate_update_flag{false};
    E820Entry e820[max_e820]{};
    std::uint32_t e820_count{0};
    GuestLog log;
    Continuations continuations; ///< hypercalls that are not finished

    Watchdogs watchdogs;

    bool ended{false};
    std::uint32_t shutdown_reason{0};
    const char* shutdown_detail{""};
    bool shutdown_at_rip{false}; ///< shutdown_rip says where the guest was
    std::uint64_t shutdown_rip{0};
    bool shutdown_latched{false}; ///< SCHEDOP_shutdown_code: the reason is chosen already

    std::uint64_t now_ns() const { return clock.system_time(processor.now()); }
    Vcpu* vcpu(std::uint64_t id) { return id < config.vcpus ? &vcpus[id] : nullptr; }
    GuestAccess access(const Vcpu& v) const { return {memory, *v.state}; }

    /// Whether the running code is that vCPU's thread's. With the lock.
    bool is_own(const Vcpu& v) const { return holder == &v || config.vcpus == 1; }
    /// The vCPU's thread looks anew at everything that concerns it, and its guest does not run on meanwhile.
    void kick(const Vcpu& v) const;
    /// An interrupt for the vCPU's local APIC, from whichever thread.
    void post(Vcpu& v, std::uint8_t vector);
    void post_nmi(Vcpu& v);

    /// The domain stops here, all its vCPUs do; the first reason counts.
    void end(std::uint32_t reason, const char* detail) {
        if (!ended) {
            ended = true;
            shutdown_reason = shutdown_latched ? shutdown_reason : reason;
            shutdown_detail = detail;
            for (std::uint32_t i = 0; i < config.vcpus; ++i) {
                kick(vcpus[i]);
            }
        }
    }
    /// The guest has done something that no guest survives.
    void crash(const Vcpu& v, const char* detail) {
        if (!ended) {
            end(SHUTDOWN_crash, detail);
            shutdown_at_rip = true;
            shutdown_rip = v.state->rip;
        }
    }
};

} // namespace bulkhead::vcpu
