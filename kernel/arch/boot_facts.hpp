// SPDX-License-Identifier: Apache-2.0
// What the architecture hands to the kernel proper when it has brought the machine up. Nothing architecture-specific.
#pragma once

#include <arch/arch.hpp>
#include <arch/boot_memory.hpp>

namespace bulkhead::kernel {

struct BootModule {
    HostPhys base; ///< page-aligned; its last page holds nothing of anybody else's
    std::uint64_t bytes;
    char command_line[64]; ///< cut to fit, NUL-terminated
};

struct BootFacts {
    static constexpr std::size_t max_modules = 8;
    static constexpr std::size_t max_command_line = 256;

    BootMemory memory; ///< free memory: no module, nothing of the kernel's, nothing below 1 MiB. Contents undefined.
    std::uint64_t ram_bytes; ///< usable memory that the firmware reported
    std::uint64_t tsc_khz;
    std::uint32_t cpu_count;
    Cpu* cpus[arch::max_cpus]; ///< CPU n's block, default-constructed, its `local` filled in
    std::uint32_t module_count;
    BootModule modules[max_modules];
    std::uint32_t exit_port; ///< `exit=PORT` of the command line; 0: none
    char command_line[max_command_line];
};

/// The kernel proper, on CPU 0's own stack with interrupts off. The other CPUs wait until `arch::release_cpus`.
/// `facts` may be changed (memory taken); it stays valid for ever but is of no use after boot.
[[noreturn]] void kernel_start(BootFacts& facts);
/// The same for each other CPU, once released.
[[noreturn]] void kernel_ap_start();

namespace arch {
/// Lets the other CPUs run into kernel_ap_start. Once.
void release_cpus();
/// Ends the test machine, or halts all CPUs if there is no debug-exit port: value << 1 | 1 is QEMU's exit status.
[[noreturn]] void end_machine(std::uint8_t value);

/// Where ISA interrupt `irq` (0-15) arrives, and how, after the firmware's overrides.
struct IsaInterrupt {
    std::uint32_t gsi;
    bool level, active_low;
};
IsaInterrupt isa_override(std::uint32_t irq);
} // namespace arch

} // namespace bulkhead::kernel
