// SPDX-License-Identifier: Apache-2.0
// The system file (TOML): which domains there are, and how the machine's memory and CPU time are divided.
// It must not know: what the domain files say.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/cpu_set.hpp"
#include "config/diagnostics.hpp"

namespace bulkhead::tools {

/// CPU time of one thread: budget 0 is no limit.
struct Share {
    std::uint32_t priority{0};
    std::uint64_t budget_us{0};
    std::uint64_t period_us{0};
};

struct ComponentConfig {
    std::string name;
    std::uint32_t cpu{0};
    Share share;
    std::uint64_t memory_bytes{0};
    Position at;
};

/// What the system file says about one domain.
struct DomainPlacement {
    std::optional<CpuSet> cpus;
    bool exclusive{false}; ///< no other domain runs on its CPUs
    Share share;
    std::string extra; ///< appended to the guest's command line
    Position at;
    Position cpus_at;
};

struct SystemConfig {
    std::string file; ///< empty: there is none, all defaults
    std::vector<std::pair<std::string, Position>> domain_files;
    std::uint64_t machine_memory{0};
    std::uint32_t machine_cpus{0};
    Position memory_at, cpus_at;
    bool exit_when_done{true};
    std::string command_line; ///< added to the kernel's own
    std::vector<ComponentConfig> components;
    std::map<std::string, DomainPlacement, std::less<>> domains;
};

/// The components that the boot image holds beside root and the monitors, in the order in which root starts them.
inline constexpr std::array<std::string_view, 5> component_names{"memory", "grant", "event", "console", "domain"};

/// Priorities, of 0 to 63 (methods.hpp): components run before guests, as all guests wait for them.
inline constexpr std::uint32_t default_component_priority = 40;
inline constexpr std::uint32_t default_domain_priority = 16;

SystemConfig default_system();
SystemConfig parse_system(const std::string& file, std::string_view text, Diagnostics& diagnostics);

} // namespace bulkhead::tools
