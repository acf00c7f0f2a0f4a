// SPDX-License-Identifier: Apache-2.0
// Per-CPU blocks at boot, and waking the other processors.
#pragma once

#include <arch/boot_facts.hpp>
#include <arch/x86_64/boot/acpi.hpp>
#include <arch/x86_64/boot/kernel_map.hpp>

namespace bulkhead::kernel::arch {

/// A block with stacks and back-end memory for CPU `id`.
Cpu& make_cpu(KernelMap& map, BootMemory& memory, CpuId id);
/// Brings up what the firmware lists; fills `facts.cpus` and `cpu_count` behind CPU 0. `low_page`: a free page below 1
/// MiB.
void start_other_cpus(const AcpiFacts& acpi, KernelMap& map, HostPhys low_page, BootFacts& facts);

} // namespace bulkhead::kernel::arch
