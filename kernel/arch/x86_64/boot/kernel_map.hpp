// SPDX-License-Identifier: Apache-2.0
// The kernel's half of every address space, built once at boot:
//   ffff8000_00000000  direct map of all RAM, never executable; where the image lies it is as read-only as the image
//   ffffff00_00000000  kernel stacks, each with unmapped pages below it
//   ffffff40_00000000  device registers, uncached
//   ffffffff_80000000  the image: text r-x, constants r--, data rw-
#pragma once

#include <arch/boot_memory.hpp>
#include <arch/x86_64/cpu_local.hpp>

namespace bulkhead::kernel::arch {

class KernelMap {
public:
    /// The whole map but stacks and devices. `memory`: all RAM, before anything of it is taken; `free`: what tables may
    /// use.
    KernelMap(const BootMemory& ram, BootMemory& free);

    /// Runs this CPU on it.
    void load() const;
    /// Maps device registers; null if the range cannot be.
    [[nodiscard]] void* map_device(std::uint64_t address);
    /// Memory and a place for the stacks of CPU `id`: fills `stack_top` and the TSS's interrupt stacks.
    void make_stacks(CpuLocal& block, CpuId id);
    /// Whole zeroed pages. Panics when there are none: nothing can run then.
    [[nodiscard]] HostPhys allocate(std::uint64_t bytes);

private:
    enum class Kind : std::uint8_t { text, constant, data, device };

    void map(std::uint64_t address, HostPhys frame, std::uint64_t bytes, Kind kind);
    std::uint64_t* table_below(std::uint64_t& entry);
    HostPhys make_stack(std::uint64_t top, std::uint64_t bytes);

    BootMemory& free_;
    HostPhys root_;
    std::uint32_t devices_{0};
    bool huge_pages_;
};

} // namespace bulkhead::kernel::arch
