// SPDX-License-Identifier: Apache-2.0
// The monitor of one domain: sets it up, then runs its vCPU until the domain ends.
// It must not know: what exits and hypercalls do.
#pragma once

#include <bulkhead/abi/syscall.hpp>

#include "domain.hpp"

namespace bulkhead::vcpu {

/// What is mapped for the monitor (bulkhead::layout).
struct Mappings {
    std::uint8_t* guest_window;
    shared_info* shared;
    VcpuState* states; ///< a page each
    EventPage* events;
    std::uint64_t* hole_bits; ///< see GuestMemory
};

class Monitor {
public:
    Monitor(const Processor& processor, const Mappings& mappings) : mappings_{mappings} {
        domain_.processor = processor;
    }

    /// nullptr: the vCPU can run. Otherwise what is wrong with the message or the domain's memory.
    [[nodiscard]] const char* start(const bulkhead_MonitorStart& message);

    /// Runs the guest until something happens, and handles that; or sleeps until something does.
    void step(Vcpu& v);
    /// Until the domain has ended.
    void run();

    Domain& domain() { return domain_; }

private:
    void fire_timers(Vcpu& v);
    Tsc deadline(const Vcpu& v);
    void sleep(Vcpu& v);
    void wake(Vcpu& v);
    void enter(Vcpu& v);
    void count_exit();

    Domain domain_{};
    Mappings mappings_;
    std::uint64_t deadline_ns_{Timers::none}; ///< what deadline_ was computed from
    Tsc deadline_{0};
    std::uint64_t exits_{0};
};

/// The machine's memory map as the builder left it in the guest's memory, kept before the guest can change it.
/// False: there is none, or it does not make sense.
[[nodiscard]] bool read_memory_map(Domain& d);

} // namespace bulkhead::vcpu
