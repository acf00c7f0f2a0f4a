// SPDX-License-Identifier: Apache-2.0
// Sets of CPUs as xl's cpus writes them: "all", "0,2-3,^1". It must not know: how many CPUs the machine has.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "base/outcome.hpp"

namespace bulkhead::tools {

inline constexpr std::uint32_t max_cpus = 64; ///< of a machine: the kernel's CPU masks are 64 bits wide
using CpuSet = std::bitset<max_cpus>;

Outcome<CpuSet> parse_cpu_set(std::string_view text);
/// "0,2-3"
std::string to_string(const CpuSet& set);

} // namespace bulkhead::tools
