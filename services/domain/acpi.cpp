// SPDX-License-Identifier: Apache-2.0
// Fills in the ACPI tables; see the header.
#include "acpi.hpp"

namespace bulkhead::domain::acpi {
namespace {

template <std::size_t to, std::size_t from> void copy_text(char (&target)[to], const char (&text)[from]) {
    static_assert(from == to + 1, "fixed-width fields are filled exactly");
    for (std::size_t i = 0; i < to; ++i) {
        target[i] = text[i];
    }
}

/// What makes the bytes add up to 0.
std::uint8_t checksum(const void* table, std::size_t length) {
    const auto* bytes = static_cast<const std::uint8_t*>(table);
    unsigned sum = 0;
    for (std::size_t i = 0; i < length; ++i) {
        sum += bytes[i];
    }
    return static_cast<std::uint8_t>(0u - sum);
}

template <std::size_t n>
void fill_header(Header& header, const char (&signature)[n], std::uint32_t length, std::uint8_t revision) {
    copy_text(header.signature, signature);
    header.length = length;
    header.revision = revision;
    copy_text(header.oem_id, "BULKHD");
    copy_text(header.oem_table_id, "BULKHEAD");
    header.oem_revision = 1;
    copy_text(header.creator_id, "BLKH");
    header.creator_revision = 1;
}

void fill_madt(Tables& tables, std::uint32_t vcpus) {
    const auto length = static_cast<std::uint32_t>(sizeof(Madt) + vcpus * sizeof(MadtLocalApic));
    fill_header(tables.madt.header, "APIC", length, 3);
    tables.madt.local_apic_address = local_apic_address;
    tables.madt.flags = 0;
    for (std::uint32_t i = 0; i < vcpus; ++i) {
        tables.local_apic[i] = {0, sizeof(MadtLocalApic), static_cast<std::uint8_t>(i), apic_id(i), 1};
    }
    // The entries are part of the table.
    static_assert(offsetof(Tables, local_apic) == offsetof(Tables, madt) + sizeof(Madt));
    const auto* madt = reinterpret_cast<const std::uint8_t*>(&tables) + offsetof(Tables, madt);
    tables.madt.header.checksum = checksum(madt, length);
}

} // namespace

Tables make_tables(GuestPhys base, std::uint32_t vcpus) {
    Tables tables{};
    copy_text(tables.rsdp.signature, "RSD PTR ");
    copy_text(tables.rsdp.oem_id, "BULKHD");
    tables.rsdp.revision = 2;
    tables.rsdp.length = sizeof(Rsdp);
    tables.rsdp.xsdt_address = base.value + offsetof(Tables, xsdt);
    tables.rsdp.checksum = checksum(&tables.rsdp, 20);
    tables.rsdp.extended_checksum = checksum(&tables.rsdp, sizeof(Rsdp));

    fill_header(tables.xsdt.header, "XSDT", sizeof(Xsdt), 1);
    tables.xsdt.fadt = base.value + offsetof(Tables, fadt);
    tables.xsdt.madt = base.value + offsetof(Tables, madt);
    tables.xsdt.header.checksum = checksum(&tables.xsdt, sizeof(Xsdt));

    const std::uint64_t dsdt = base.value + offsetof(Tables, dsdt);
    fill_header(tables.fadt.header, "FACP", sizeof(Fadt), 5);
    tables.fadt.dsdt = static_cast<std::uint32_t>(dsdt);
    tables.fadt.x_dsdt = dsdt;
    tables.fadt.boot_architecture = fadt_boot_architecture;
    tables.fadt.flags = fadt_flags;
    tables.fadt.header.checksum = checksum(&tables.fadt, sizeof(Fadt));

    fill_header(tables.dsdt, "DSDT", sizeof(Header), 2);
    tables.dsdt.checksum = checksum(&tables.dsdt, sizeof(Header));
    fill_madt(tables, vcpus < max_vcpus ? vcpus : max_vcpus);
    return tables;
}

} // namespace bulkhead::domain::acpi
