// SPDX-License-Identifier: Apache-2.0
// What a monitor is told about its domain when it starts, checked once.
// It must not know: how it arrives.
#pragma once

#include <cstdint>
#include <span>

#include <domain.pb.h>

#include <bulkhead/abi/syscall.hpp>
#include <bulkhead/slots.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead::vcpu {

/// As many as shared_info has a vcpu_info for.
inline constexpr std::uint32_t max_vcpus = XEN_LEGACY_MAX_VCPUS;
static_assert(max_vcpus <= slot::max_vcpus);
/// More than the 2-level ABI has; the FIFO ABI's own limit is beyond what an EventSet has bits for.
inline constexpr std::uint32_t max_ports = 16384;
static_assert(max_ports <= event_bits && max_ports <= EVTCHN_FIFO_NR_CHANNELS);

struct Config {
    DomId domain;
    std::uint32_t vcpus;
    std::uint64_t tsc_khz;
    Tsc boot;
    std::uint64_t wall_clock_ns;
    struct Ram {
        GuestPhys first;
        std::uint64_t bytes;
    } ram[2];
    std::uint32_t ram_count;
    GuestPhys entry;
    GuestPhys start_info;
    Gfn console_gfn;
    Port console_port;
    std::uint32_t crash_after_exits;
    std::uint32_t max_grant_version; ///< of its table
    xen_domain_handle_t uuid;
};

/// nullptr: `config` is complete. Otherwise what is wrong with the message.
[[nodiscard]] const char* read_config(const bulkhead_MonitorStart& start, Config& config);

} // namespace bulkhead::vcpu
