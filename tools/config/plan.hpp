// SPDX-License-Identifier: Apache-2.0
// Puts the domains on the machine: who runs where with how much CPU time, whether memory suffices, and whether the
// promises to each can be kept at once. It must not know: file formats, nor how the boot image is laid out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/domain.hpp"
#include "config/system.hpp"

namespace bulkhead::tools {

struct PlannedDomain {
    DomainConfig config;
    std::string command_line;
    Share share;
    std::vector<std::uint32_t> cpus; ///< of each vCPU
};

struct Plan {
    SystemConfig system;
    std::vector<PlannedDomain> domains;
};

/// Memory that the machine needs beyond the domains' own and the boot image: the kernel, the components, and for each
/// domain its monitor, page tables and grant frames.
inline constexpr std::uint64_t system_overhead = std::uint64_t{32} << 20;
inline constexpr std::uint64_t domain_overhead = std::uint64_t{4} << 20;

Plan make_plan(SystemConfig system, std::vector<DomainConfig> domains, Diagnostics& diagnostics);

/// Whether everything fits into the machine's memory; `image_bytes` is the boot image.
void check_memory(const Plan& plan, std::uint64_t image_bytes, Diagnostics& diagnostics);

} // namespace bulkhead::tools
