// SPDX-License-Identifier: Apache-2.0
// Makes the vCPUs of a domain whose monitor exists, with the thread that runs each. It must not know: what the guest
// does with them.
#pragma once

#include "builder.hpp"

namespace bulkhead::domain {

/// Where a vCPU runs: the configured CPUs in turn.
CpuId cpu_of_vcpu(const bulkhead_Domain& config, std::uint32_t vcpu);

/// Makes all vCPUs and the threads beyond the monitor's first, from the plan's Untyped; nothing runs yet. What is not
/// needed again goes into the vault.
[[nodiscard]] Status make_vcpus(DomainRecord& domain, const SpawnPlan& plan, const Spawned& monitor);

} // namespace bulkhead::domain
