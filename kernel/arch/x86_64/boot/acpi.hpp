// SPDX-License-Identifier: Apache-2.0
// The little that the kernel takes from ACPI: processors and interrupt controllers (MADT, ACPI 6.5, 5.2.12). Reads only
// through a PhysicalWindow; runs in host tests.
#pragma once

#include <arch/arch.hpp>
#include <arch/x86_64/boot/physical_window.hpp>

#include <cstddef>

namespace bulkhead::kernel::arch {

struct AcpiFacts {
    static constexpr std::size_t max_io_apics = 8;
    static constexpr std::size_t isa_interrupts = 16;

    struct IoApic {
        std::uint32_t address, first_gsi;
    };
    struct Override {
        std::uint32_t gsi;
        bool level, active_low;
    };
    std::uint64_t local_apic;         ///< physical address, 0 = the architectural default
    std::uint32_t apic_ids[max_cpus]; ///< of usable processors, in the firmware's order
    std::uint32_t cpu_count;
    std::uint32_t cpus_left_out; ///< usable, but more than the kernel can hold
    IoApic io_apics[max_io_apics];
    std::uint32_t io_apic_count;
    Override isa[isa_interrupts];
};

/// `root`: address of the RSDP if known, else 0: the BIOS areas are searched. False if there is no valid MADT: `facts`
/// then holds no processors, no I/O APIC and the identity for ISA interrupts.
[[nodiscard]] bool parse_acpi(const PhysicalWindow& window, std::uint64_t root, AcpiFacts& facts);

} // namespace bulkhead::kernel::arch
