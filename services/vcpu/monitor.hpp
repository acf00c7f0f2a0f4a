// SPDX-License-Identifier: Apache-2.0
// The monitor of one domain: sets it up, then runs its vCPUs, each on a thread of its own, until the domain ends.
// It must not know: what exits and hypercalls do.
#pragma once

#include <bulkhead/abi/syscall.hpp>

#include "domain.hpp"

namespace bulkhead::vcpu {

/// What is mapped for the monitor (bulkhead::layout).
struct Mappings {
    std::uint8_t* guest_window;
    shared_info* shared;
    VcpuState* states;            ///< a page each
    EventPage* events[max_vcpus]; ///< of each vCPU's thread
    EventPage* bells[max_vcpus];
    std::uint64_t* hole_bits; ///< see GuestMemory
};

class Monitor {
public:
    Monitor(const Processor& processor, const Mappings& mappings) : mappings_{mappings} {
        domain_.processor = processor;
        for (std::uint32_t i = 0; i < max_vcpus; ++i) {
            domain_.lock.bells().page[i] = mappings.bells[i];
        }
    }

    /// nullptr: the vCPU can run. Otherwise what is wrong with the message or the domain's memory.
    [[nodiscard]] const char* start(const bulkhead_MonitorStart& message);

    /// Runs the guest until something happens, and handles that; or sleeps until something does. With the lock, which
    /// it lets go of while it is in the guest or asleep.
    void step(Vcpu& v);
    /// By that vCPU's thread: until the domain has ended. True: no thread is left in the guest, and the caller is the
    /// one that reports the end.
    [[nodiscard]] bool run(Vcpu& v);

    Domain& domain() { return domain_; }

private:
    Tsc fire_timers(Vcpu& v);
    Tsc deadline(Vcpu& v);
    void lock(Vcpu& v);
    void unlock(Vcpu& v);
    void sleep(Vcpu& v, int runstate, Tsc until);
    void wake(Vcpu& v);
    bool was_entered(Vcpu& v, Status status, Port port);
    void enter(Vcpu& v, Tsc until);
    void count_exit();

    Domain domain_{};
    Mappings mappings_;
    std::uint64_t exits_{0};
};

/// The event set that wakes that vCPU's thread.
constexpr Selector thread_events(std::uint32_t vcpu) {
    return vcpu == 0 ? slot::events : Selector{slot::vcpu_events.value + vcpu};
}

/// The machine's memory map as the builder left it in the guest's memory, kept before the guest can change it.
/// False: there is none, or it does not make sense.
[[nodiscard]] bool read_memory_map(Domain& d);

} // namespace bulkhead::vcpu
