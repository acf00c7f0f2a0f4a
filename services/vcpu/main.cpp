// SPDX-License-Identifier: Apache-2.0
// services/vcpu: the monitor of one domain. Reads its start message, runs the guest, a thread for each vCPU, reports
// the domain's end and then waits to be destroyed. It must not know: anything of other domains.
#include <atomic>
#include <new>

#include <bulkhead/events.hpp>
#include <bulkhead/format.hpp>
#include <bulkhead/rpc.hpp>
#include <bulkhead/start.hpp>

#include <console.pb.h>
#include <domain.pb.h>

#include "monitor.hpp"

namespace bulkhead::vcpu {

namespace {

CpuidResult host_cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

Tsc host_now() {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return Tsc{(std::uint64_t{high} << 32) | low};
}

template <std::size_t Size> void copy_text(char (&to)[Size], std::string_view from) {
    const std::size_t n = from.size() < Size - 1 ? from.size() : Size - 1;
    __builtin_memcpy(to, from.data(), n);
    to[n] = '\0';
}

/// A guest whose console component is gone loses its log, and nothing else.
void send_line(std::span<const char> line) {
    bulkhead_ConsoleRequest request{};
    request.which_request = bulkhead_ConsoleRequest_log_tag;
    request.request.log.guest = true;
    static_assert(GuestLog::line_size < sizeof request.request.log.text);
    copy_text(request.request.log.text, {line.data(), line.size()});
    bulkhead_ConsoleReply reply{};
    (void)rpc(slot::console, request, reply);
}

EventPage& page_of(UserVirt of_first, std::uint32_t vcpu) {
    return *static_cast<EventPage*>(sys::pointer(layout::of_thread(of_first, vcpu)));
}

/// Does nothing for ever.
[[noreturn]] void rest(std::uint32_t vcpu) {
    for (;;) {
        (void)sys::wait(thread_events(vcpu));
        (void)drain(page_of(layout::event_page_address, vcpu), [](std::uint32_t) {});
    }
}

/// Says that the domain is over.
[[noreturn]] void report_end(std::uint32_t vcpu, std::uint32_t reason, std::string_view detail) {
    bulkhead_DomainRequest request{};
    request.which_request = bulkhead_DomainRequest_ended_tag;
    request.request.ended.reason = reason;
    copy_text(request.request.ended.detail, detail);
    bulkhead_DomainReply reply{};
    (void)rpc(slot::domain, request, reply);
    rest(vcpu);
}

/// Set when the vCPUs can run.
constinit std::atomic<Monitor*> ready{nullptr};

/// A vCPU's thread; the last one that leaves says why.
[[noreturn]] void run_vcpu(Monitor& monitor, std::uint32_t vcpu) {
    if (!monitor.run(monitor.domain().vcpus[vcpu])) {
        rest(vcpu);
    }
    const Domain& ended = monitor.domain();
    char detail[sizeof(bulkhead_DomainEnded::detail) - 1];
    report_end(vcpu, ended.shutdown_reason,
               ended.shutdown_at_rip ? format_to(detail, "{} at {:x}", ended.shutdown_detail, ended.shutdown_rip)
                                     : std::string_view{ended.shutdown_detail});
}

/// A further vCPU's thread waits until the first has read what the domain is.
[[noreturn]] void run_other(std::uint32_t vcpu) {
    while (ready.load(std::memory_order_acquire) == nullptr) {
        (void)sys::wait(thread_events(vcpu));
        (void)drain(page_of(layout::event_page_address, vcpu), [](std::uint32_t) {});
    }
    run_vcpu(*ready.load(std::memory_order_acquire), vcpu);
}

[[noreturn]] void run_first() {
    static bulkhead_MonitorStart message{};
    if (!read_start_message(message)) {
        report_end(0, SHUTDOWN_crash, "monitor: no start message");
    }
    alignas(Monitor) static std::uint8_t storage[sizeof(Monitor)];
    Mappings mappings{static_cast<std::uint8_t*>(sys::pointer(layout::guest_window)),
                      static_cast<shared_info*>(sys::pointer(layout::shared_info_address)),
                      static_cast<VcpuState*>(sys::pointer(layout::vcpu_state_address)),
                      {},
                      {},
                      static_cast<std::uint64_t*>(sys::pointer(layout::hole_bits_address))};
    for (std::uint32_t i = 0; i < max_vcpus; ++i) { // those of vCPUs that there are will be looked at
        mappings.events[i] = &page_of(layout::event_page_address, i);
        mappings.bells[i] = &page_of(layout::bell_page_address, i);
    }
    Monitor& monitor = *new (storage) Monitor{Processor{host_cpuid, host_now}, mappings};
    monitor.domain().log.set_sink(send_line);
    monitor.domain().grant.table = static_cast<std::uint8_t*>(sys::pointer(layout::grant_table_address));
    if (const char* wrong = monitor.start(message)) {
        report_end(0, SHUTDOWN_crash, wrong);
    }
    monitor.domain().foreign =
        ForeignPages{monitor.domain().config.domain, static_cast<std::uint8_t*>(sys::pointer(layout::grant_window))};
    ready.store(&monitor, std::memory_order_release);
    for (std::uint32_t i = 1; i < message.vcpus; ++i) {
        monitor.domain().kick(monitor.domain().vcpus[i]);
    }
    run_vcpu(monitor, 0);
}

} // namespace

} // namespace bulkhead::vcpu

extern "C" [[noreturn]] void component_main(std::uint64_t vcpu) {
    if (vcpu == 0) {
        bulkhead::vcpu::run_first();
    }
    bulkhead::vcpu::run_other(static_cast<std::uint32_t>(vcpu));
}
