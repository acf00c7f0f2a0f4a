// SPDX-License-Identifier: Apache-2.0
// See acpi.hpp.
#include <arch/x86_64/boot/acpi.hpp>

#include <algorithm>
#include <span>

namespace bulkhead::kernel::arch {

namespace {

struct [[gnu::packed]] RootPointer { // ACPI 6.5, 5.2.5.3
    char signature[8];
    std::uint8_t checksum;
    char oem[6];
    std::uint8_t revision;
    std::uint32_t rsdt;
    std::uint32_t length; // from here on: revision 2
    std::uint64_t xsdt;
    std::uint8_t extended_checksum;
    std::uint8_t reserved[3];
};
static_assert(sizeof(RootPointer) == 36);
constexpr std::uint64_t root_pointer_v1_bytes = 20;

struct TableHeader { // 5.2.6
    char signature[4];
    std::uint32_t length;
    std::uint8_t revision, checksum;
    char rest[26];
};
static_assert(sizeof(TableHeader) == 36);
constexpr std::uint32_t max_table_bytes = 1u << 20;

enum MadtType : std::uint8_t {
    madt_local_apic = 0,
    madt_io_apic = 1,
    madt_override = 2,
    madt_address = 5,
    madt_x2apic = 9
};
constexpr std::uint32_t madt_enabled = 1;

bool checksum_holds(const std::uint8_t* bytes, std::uint64_t count) {
    std::uint8_t sum = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        sum = static_cast<std::uint8_t>(sum + bytes[i]);
    }
    return sum == 0;
}

bool root_pointer_at(const PhysicalWindow& window, std::uint64_t address, RootPointer& root) {
    const std::uint8_t* bytes = window.at(address, root_pointer_v1_bytes);
    if (bytes == nullptr || std::memcmp(bytes, "RSD PTR ", 8) != 0 || !checksum_holds(bytes, root_pointer_v1_bytes)) {
        return false;
    }
    root = {};
    std::memcpy(&root, bytes, root_pointer_v1_bytes);
    if (root.revision >= 2) {
        bytes = window.at(address, sizeof(root));
        if (bytes == nullptr || !checksum_holds(bytes, sizeof(root))) {
            return false;
        }
        std::memcpy(&root, bytes, sizeof(root));
    }
    return true;
}

bool search_root_pointer(const PhysicalWindow& window, std::uint64_t from, std::uint64_t to, RootPointer& root) {
    for (std::uint64_t address = from; address < to; address += 16) {
        if (root_pointer_at(window, address, root)) {
            return true;
        }
    }
    return false;
}

bool find_root_pointer(const PhysicalWindow& window, std::uint64_t given, RootPointer& root) {
    if (given != 0 && root_pointer_at(window, given, root)) {
        return true;
    }
    std::uint16_t ebda_segment = 0; // 5.2.5.1: first KiB of the extended BIOS data area, then the BIOS area
    const bool ebda = window.read(0x40e, ebda_segment) && ebda_segment >= 0x8000;
    const std::uint64_t base = std::uint64_t{ebda_segment} << 4;
    return (ebda && search_root_pointer(window, base, base + 1024, root)) ||
           search_root_pointer(window, 0xe0000, 0x100000, root);
}

/// The whole table, its checksum verified; null if it is not one.
const std::uint8_t* table_at(const PhysicalWindow& window, std::uint64_t address, const char* signature,
                             std::uint32_t& length) {
    TableHeader header;
    if (address == 0 || !window.read(address, header) || std::memcmp(header.signature, signature, 4) != 0 ||
        header.length < sizeof(header) || header.length > max_table_bytes) {
        return nullptr;
    }
    const std::uint8_t* table = window.at(address, header.length);
    length = header.length;
    return table != nullptr && checksum_holds(table, length) ? table : nullptr;
}

const std::uint8_t* find_madt(const PhysicalWindow& window, const RootPointer& root, std::uint32_t& length) {
    const bool extended = root.revision >= 2 && root.xsdt != 0;
    std::uint32_t index_length = 0;
    const std::uint8_t* index = extended ? table_at(window, root.xsdt, "XSDT", index_length)
                                         : table_at(window, root.rsdt, "RSDT", index_length);
    const std::uint32_t width = extended ? 8 : 4;
    for (std::uint32_t at = sizeof(TableHeader); index != nullptr && at + width <= index_length; at += width) {
        std::uint64_t address = 0;
        std::memcpy(&address, index + at, width);
        if (const std::uint8_t* madt = table_at(window, address, "APIC", length)) {
            return madt;
        }
    }
    return nullptr;
}

template <typename T> T field(const std::uint8_t* entry, std::size_t offset) {
    T value;
    std::memcpy(&value, entry + offset, sizeof(value));
    return value;
}

void add_cpu(AcpiFacts& facts, std::uint32_t apic_id, std::uint32_t flags) {
    const std::span known{facts.apic_ids, facts.cpu_count};
    if ((flags & madt_enabled) == 0 || std::ranges::find(known, apic_id) != known.end()) {
        return;
    }
    if (facts.cpu_count == max_cpus) {
        ++facts.cpus_left_out;
    } else {
        facts.apic_ids[facts.cpu_count++] = apic_id;
    }
}

void add_override(AcpiFacts& facts, std::uint8_t irq, std::uint32_t gsi, std::uint16_t flags) {
    if (irq < AcpiFacts::isa_interrupts) {
        // 5.2.12.5, "MPS INTI flags": 3 = low / level; "conforms to the bus" is edge and high for ISA.
        facts.isa[irq] = {gsi, (flags >> 2 & 3) == 3, (flags & 3) == 3};
    }
}

void take_entry(AcpiFacts& facts, const std::uint8_t* entry, std::uint8_t length) {
    const std::uint8_t type = entry[0];
    if (type == madt_local_apic && length >= 8) {
        add_cpu(facts, entry[3], field<std::uint32_t>(entry, 4));
    } else if (type == madt_x2apic && length >= 16) {
        add_cpu(facts, field<std::uint32_t>(entry, 4), field<std::uint32_t>(entry, 8));
    } else if (type == madt_io_apic && length >= 12 && facts.io_apic_count < AcpiFacts::max_io_apics) {
        facts.io_apics[facts.io_apic_count++] = {field<std::uint32_t>(entry, 4), field<std::uint32_t>(entry, 8)};
    } else if (type == madt_override && length >= 10 && entry[2] == 0) {
        add_override(facts, entry[3], field<std::uint32_t>(entry, 4), field<std::uint16_t>(entry, 8));
    } else if (type == madt_address && length >= 12) {
        facts.local_apic = field<std::uint64_t>(entry, 4);
    }
}

} // namespace

bool parse_acpi(const PhysicalWindow& window, std::uint64_t root_address, AcpiFacts& facts) {
    facts = {};
    for (std::uint32_t irq = 0; irq < AcpiFacts::isa_interrupts; ++irq) {
        facts.isa[irq].gsi = irq;
    }
    RootPointer root;
    std::uint32_t length = 0;
    const std::uint8_t* madt =
        find_root_pointer(window, root_address, root) ? find_madt(window, root, length) : nullptr;
    constexpr std::uint32_t first_entry = sizeof(TableHeader) + 8;
    if (madt == nullptr || length < first_entry) {
        return false;
    }
    facts.local_apic = field<std::uint32_t>(madt, sizeof(TableHeader));
    for (std::uint32_t at = first_entry; at + 2 <= length;) {
        const std::uint8_t entry_length = madt[at + 1];
        if (entry_length < 2 || entry_length > length - at) {
            break; // what came before a broken entry still holds
        }
        take_entry(facts, madt + at, entry_length);
        at += entry_length;
    }
    return true;
}

} // namespace bulkhead::kernel::arch
