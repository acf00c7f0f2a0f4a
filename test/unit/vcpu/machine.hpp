// SPDX-License-Identifier: Apache-2.0
// A monitor with a small guest around it: RAM with page tables, and a kernel and components that the test plays.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <bulkhead/message.hpp>
#include <bulkhead/sys.hpp>

#include <console.pb.h>
#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

#include "hypercall/call.hpp"
#include "monitor.hpp"

namespace bulkhead::vcpu::test {

inline constexpr std::uint64_t ram_bytes = 4 * 1024 * 1024;
inline constexpr std::uint64_t entry_address = 0x10'0000;
inline constexpr std::uint64_t start_info_address = 0x8000;
/// A page of the guest for arguments, mapped at the same virtual address.
inline constexpr std::uint64_t scratch = 0x20'0000;
inline constexpr std::uint64_t read_only_page = 0x21'0000;
inline constexpr std::uint64_t unmapped = 0x4000'0000;
inline constexpr std::uint32_t console_port = 3;
inline constexpr std::uint32_t own_domain = 7;

/// The most recent Machine is the one that sys::raw talks to.
class Machine {
public:
    explicit Machine(bool start_it = true, std::uint32_t vcpus = 1);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // --- the guest
    std::uint8_t* ram() { return ram_.get(); }
    template <typename T> T load(std::uint64_t address) {
        T value;
        __builtin_memcpy(&value, ram() + address, sizeof value);
        return value;
    }
    template <typename T> void store(std::uint64_t address, const T& value) {
        __builtin_memcpy(ram() + address, &value, sizeof value);
    }
    /// 64-bit kernel mode, RAM identity-mapped by 4 KiB pages; read_only_page is read-only.
    void enter_long_mode();
    /// One page more of it, after enter_long_mode.
    void map_at(std::uint64_t address, std::uint64_t physical) { map(state().cr3, address, 3, physical); }
    /// Puts a hypercall into the registers by the 64-bit convention, handles it, returns rax.
    xen::Result hypercall(std::uint64_t number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                          std::uint64_t d = 0);
    /// Stores the argument at `scratch`, and calls number(operation, scratch).
    template <typename T>
    xen::Result operation(std::uint64_t number, std::uint64_t op, const T& argument, std::uint64_t third = 0) {
        store(scratch, argument);
        return hypercall(number, op, scratch, third);
    }
    template <typename T> xen::Result vcpu_operation(std::uint64_t op, const T& argument, std::uint64_t vcpu = 0) {
        store(scratch, argument);
        return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, scratch);
    }
    std::uint64_t& gpr(Gpr which) { return state().gpr[static_cast<std::uint32_t>(which)]; }

    // --- the monitor
    Monitor& monitor() { return *monitor_; }
    Domain& d() { return monitor_->domain(); }
    Vcpu& v(std::uint32_t id = 0) { return d().vcpus[id]; }
    VcpuState& state(std::uint32_t id = 0) { return *d().vcpus[id].state; }
    shared_info& shared() { return *shared_; }
    EventPage& events() { return *events_; }
    bulkhead_MonitorStart start_message() const;

    // --- the world, as the test has it
    inline static std::uint64_t tsc;
    std::function<void(const bulkhead_MemoryRequest&, bulkhead_MemoryReply&)> memory;
    std::function<void(const bulkhead_GrantRequest&, bulkhead_GrantReply&)> grant;
    std::function<Status(OfferFormat)> offers_format; ///< of the domain's Offers
    /// A page that another domain offers: whose and which, and where it is to go.
    struct Offered {
        std::uint32_t owner, ref;
        bool write, to_monitor;
        std::uint64_t address;
        std::uint32_t slot;
        bool operator==(const Offered&) const = default;
    };
    std::vector<Offered> offered; ///< what the kernel was asked to map
    std::function<Status(const Offered&)> offers_map = [](const Offered&) { return Status::ok; };
    std::vector<std::uint32_t> given_up; ///< slots of foreign pages
    /// Returns how many capabilities come with the reply.
    std::function<std::uint32_t(const bulkhead_EventRequest&, bulkhead_EventReply&)> event;
    std::deque<std::function<sys::Raw()>> runs; ///< what the next vcpu_runs do
    std::function<void()> on_wait;

    std::vector<std::string> log;           ///< lines of the guest's log
    std::vector<std::uint32_t> signals;     ///< selectors signalled
    std::vector<std::uint32_t> run_signals; ///< of them, with a vcpu_run
    std::vector<VcpuGroups> exposed;
    std::vector<VcpuGroups> changed; ///< groups given to each vcpu_run
    std::vector<std::uint64_t> deadlines;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> moves; ///< to, from
    std::vector<std::uint32_t> removed;
    struct Restored {
        std::uint32_t slot;
        std::uint64_t page, pages;
        bool operator==(const Restored&) const = default;
    };
    std::vector<Restored> restored;
    struct Mapped {
        std::uint32_t slot;
        std::uint64_t gfn, frame, pages;
        bool operator==(const Mapped&) const = default;
    };
    std::vector<Mapped> mapped;                    ///< pieces of RAM mapped elsewhere
    Status map_status{Status::ok};                 ///< of restore and map
    std::uint64_t restore_step{~std::uint64_t{0}}; ///< pages that one restore does
    Status signal_status{Status::ok};
    Status call_status{Status::ok};
    Status inspect_status{Status::ok}; ///< of every capability
    std::uint32_t receive_selector{0}; ///< of the last call
    std::uint32_t waits{0};
    std::uint32_t yields{0};

    sys::Raw raw(Syscall number, const std::uint64_t (&a)[6]);

private:
    sys::Raw call(std::uint64_t portal, MessageInfo info);
    sys::Raw invoke(const std::uint64_t (&a)[6]);
    void write_start_info();
    void map(std::uint64_t root, std::uint64_t address, std::uint64_t flags, std::uint64_t physical);

    template <typename T> using Pages = std::unique_ptr<T, void (*)(void*)>;
    Pages<std::uint8_t> ram_;
    Pages<shared_info> shared_;
    Pages<std::uint8_t> states_;
    Pages<EventPage> events_; ///< of all threads, and of their bells: only vCPU 0's is looked at
    std::uint32_t vcpus_;
    std::uint64_t holes_[ram_bytes / page_size / 64]{};
    std::unique_ptr<Monitor> monitor_;
    std::uint64_t next_table_{0x30'0000};
};

/// What the host's CPU is said to answer.
CpuidResult fake_cpuid(std::uint32_t leaf, std::uint32_t subleaf);

} // namespace bulkhead::vcpu::test
