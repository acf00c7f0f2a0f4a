// SPDX-License-Identifier: Apache-2.0
// The smallest set of ACPI tables that makes Linux bring up its CPUs and timers without probing for PC hardware that is
// not there: RSDP, XSDT, FADT (hardware-reduced), MADT, an empty DSDT. Layouts: ACPI 6.4, chapter 5. It must not know:
// capabilities.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <bulkhead/abi/types.hpp>

namespace bulkhead::domain {

inline constexpr std::uint32_t max_vcpus = 32; ///< slots of a monitor, see slot::vcpu

namespace acpi {

/// 5.2.5.3. All tables are packed: several fields are misaligned by design.
struct [[gnu::packed]] Rsdp {
    char signature[8];
    std::uint8_t checksum; ///< of the first 20 bytes
    char oem_id[6];
    std::uint8_t revision;
    std::uint32_t rsdt_address;
    std::uint32_t length;
    std::uint64_t xsdt_address;
    std::uint8_t extended_checksum; ///< of all
    std::uint8_t reserved[3];
};
static_assert(sizeof(Rsdp) == 36);

/// 5.2.6
struct [[gnu::packed]] Header {
    char signature[4];
    std::uint32_t length;
    std::uint8_t revision;
    std::uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    std::uint32_t oem_revision;
    char creator_id[4];
    std::uint32_t creator_revision;
};
static_assert(sizeof(Header) == 36);

/// 5.2.8, with the two tables that it lists here (the DSDT is found through the FADT).
struct [[gnu::packed]] Xsdt {
    Header header;
    std::uint64_t fadt;
    std::uint64_t madt;
};
static_assert(sizeof(Xsdt) == 52);

/// 5.2.3.2
struct [[gnu::packed]] GenericAddress {
    std::uint8_t space, bit_width, bit_offset, access_size;
    std::uint64_t address;
};
static_assert(sizeof(GenericAddress) == 12);

/// 5.2.9, as far as revision 5 goes. In the hardware-reduced model (4.1.1) all the register blocks are zero.
struct [[gnu::packed]] Fadt {
    Header header;
    std::uint32_t facs, dsdt;
    std::uint8_t reserved0, preferred_pm_profile;
    std::uint16_t sci_interrupt;
    std::uint32_t smi_command;
    std::uint8_t acpi_enable, acpi_disable, s4bios_request, pstate_control;
    std::uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    std::uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length, gpe0_length, gpe1_length,
        gpe1_base, cstate_control;
    std::uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    std::uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    std::uint16_t boot_architecture;
    std::uint8_t reserved1;
    std::uint32_t flags;
    GenericAddress reset_register;
    std::uint8_t reset_value;
    std::uint16_t arm_boot_architecture;
    std::uint8_t minor_revision;
    std::uint64_t x_facs, x_dsdt;
    GenericAddress x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control, x_pm_timer, x_gpe0,
        x_gpe1, sleep_control, sleep_status;
};
static_assert(sizeof(Fadt) == 268);
static_assert(offsetof(Fadt, dsdt) == 40 && offsetof(Fadt, boot_architecture) == 109 && offsetof(Fadt, flags) == 112 &&
              offsetof(Fadt, x_dsdt) == 140 && offsetof(Fadt, sleep_control) == 244);

/// FADT flags, table 5.10: WBINVD works; no fixed power or sleep button; no ACPI hardware registers.
inline constexpr std::uint32_t fadt_flags = (1u << 0) | (1u << 4) | (1u << 5) | (1u << 20);
static_assert(fadt_flags == 0x100031);
/// Boot architecture, table 5.11: no VGA, no CMOS clock.
inline constexpr std::uint16_t fadt_boot_architecture = (1u << 2) | (1u << 5);
static_assert(fadt_boot_architecture == 0x24);

/// 5.2.12.2
struct [[gnu::packed]] MadtLocalApic {
    std::uint8_t type, length;
    std::uint8_t processor_uid; ///< must be the Xen vCPU id: Linux uses it as one
    std::uint8_t apic_id;
    std::uint32_t flags; ///< bit 0: enabled
};
static_assert(sizeof(MadtLocalApic) == 8);

/// 5.2.12; flags 0: no pair of 8259s. The entries follow.
struct [[gnu::packed]] Madt {
    Header header;
    std::uint32_t local_apic_address;
    std::uint32_t flags;
};
static_assert(sizeof(Madt) == 44);

inline constexpr std::uint32_t local_apic_address = 0xfee0'0000;
/// Xen's rule, visible to the guest in CPUID, MADT and APIC ID register alike.
constexpr std::uint8_t apic_id(std::uint32_t vcpu) {
    return static_cast<std::uint8_t>(2 * vcpu);
}

/// All tables with room for the most vCPUs, in the order in which they lie in memory.
struct [[gnu::packed]] Tables {
    Rsdp rsdp;
    std::uint8_t padding[4];
    Xsdt xsdt;
    std::uint8_t padding2[4];
    Fadt fadt;
    std::uint8_t padding3[4];
    Header dsdt;
    std::uint8_t padding4[4];
    Madt madt;
    MadtLocalApic local_apic[max_vcpus];
};
static_assert(offsetof(Tables, rsdp) % 16 == 0, "an RSDP is 16-byte aligned, 5.2.5.1");
static_assert(sizeof(Tables) <= page_size);

/// The tables as they must lie at guest-physical `base`, for 1 to max_vcpus vCPUs. The RSDP is at `base`.
Tables make_tables(GuestPhys base, std::uint32_t vcpus);

} // namespace acpi
} // namespace bulkhead::domain
