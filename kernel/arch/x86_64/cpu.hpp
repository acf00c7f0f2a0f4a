// SPDX-License-Identifier: Apache-2.0
// Bringing one CPU into the state that all kernel code assumes, and finding the blocks of the others.
#pragma once

#include <arch/x86_64/cpu_local.hpp>

namespace bulkhead::kernel::arch {

/// What the machine lacks that the kernel cannot do without, in words; null if nothing.
const char* missing_feature();

/// A value that nobody outside can guess, for the stack protector. Never 0.
std::uint64_t random_canary();
/// Fills descriptor tables of a block that lies in kernel memory; the stacks are in place.
void init_local(CpuLocal& block, CpuId id, std::uint32_t apic_id);
/// Makes this CPU use `block` and loads everything else: segments, IDT, control registers, system-call entry.
/// The caller's stack canary changes with it: it must not be a function that checks one.
void init_cpu(CpuLocal& block);

/// Processors that answered, dense.
std::uint32_t online_cpus();
CpuLocal& local_of(CpuId id);
void add_cpu(CpuLocal& block);
std::uint32_t apic_id_of(CpuId id);

} // namespace bulkhead::kernel::arch
