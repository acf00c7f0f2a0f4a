// SPDX-License-Identifier: Apache-2.0
// The ACPI tables as a guest finds them: by following addresses from the RSDP and adding up bytes.
// REQ-DOMAIN-005
#include <catch2/catch.hpp>

#include <cstring>
#include <string_view>

#include "acpi.hpp"

using namespace bulkhead;
using namespace bulkhead::domain;

namespace {

constexpr std::uint64_t base = 0xe0000;

class Reader {
public:
    explicit Reader(const acpi::Tables& tables) : bytes_{reinterpret_cast<const std::uint8_t*>(&tables)} {}

    template <typename T> T at(std::uint64_t address) const {
        REQUIRE(address >= base);
        REQUIRE(address - base + sizeof(T) <= sizeof(acpi::Tables));
        T value;
        std::memcpy(&value, bytes_ + (address - base), sizeof value);
        return value;
    }
    unsigned sum(std::uint64_t address, std::uint64_t length) const {
        unsigned total = 0;
        for (std::uint64_t i = 0; i < length; ++i) {
            total += at<std::uint8_t>(address + i);
        }
        return total & 0xff;
    }
    acpi::Header table(std::uint64_t address, std::string_view signature) const {
        const auto header = at<acpi::Header>(address);
        CHECK(std::string_view(header.signature, 4) == signature);
        CHECK(sum(address, header.length) == 0);
        return header;
    }

private:
    const std::uint8_t* bytes_;
};

} // namespace

TEST_CASE("a guest finds all tables, and their checksums hold", "[domain][acpi]") {
    const std::uint32_t vcpus = GENERATE(1u, 2u, 16u, max_vcpus);
    const acpi::Tables tables = acpi::make_tables(GuestPhys{base}, vcpus);
    const Reader reader{tables};

    const auto rsdp = reader.at<acpi::Rsdp>(base);
    CHECK(std::string_view(rsdp.signature, 8) == "RSD PTR ");
    CHECK(rsdp.revision == 2);
    CHECK(rsdp.rsdt_address == 0);
    CHECK(reader.sum(base, 20) == 0);
    CHECK(reader.sum(base, rsdp.length) == 0);

    const auto xsdt = reader.table(rsdp.xsdt_address, "XSDT");
    CHECK(xsdt.length == 36 + 2 * 8);
    const auto fadt_at = reader.at<std::uint64_t>(rsdp.xsdt_address + 36);
    const auto madt_at = reader.at<std::uint64_t>(rsdp.xsdt_address + 44);

    CHECK(reader.table(fadt_at, "FACP").revision == 5);
    CHECK(reader.at<std::uint32_t>(fadt_at + 112) == 0x100031);
    CHECK(reader.at<std::uint16_t>(fadt_at + 109) == 0x24);
    const auto dsdt_at = reader.at<std::uint64_t>(fadt_at + 140);
    CHECK(reader.at<std::uint32_t>(fadt_at + 40) == dsdt_at);
    CHECK(reader.table(dsdt_at, "DSDT").length == 36);

    const auto madt = reader.table(madt_at, "APIC");
    CHECK(reader.at<std::uint32_t>(madt_at + 36) == 0xfee00000);
    CHECK(reader.at<std::uint32_t>(madt_at + 40) == 0);
    REQUIRE(madt.length == 44 + 8 * vcpus);
    for (std::uint32_t i = 0; i < vcpus; ++i) {
        const auto entry = reader.at<acpi::MadtLocalApic>(madt_at + 44 + 8 * i);
        CHECK(entry.type == 0);
        CHECK(entry.length == 8);
        CHECK(entry.processor_uid == i);
        CHECK(entry.apic_id == 2 * i);
        CHECK(entry.flags == 1);
    }
}

TEST_CASE("more vCPUs than there is room for are cut off, not written", "[domain][acpi]") {
    const acpi::Tables tables = acpi::make_tables(GuestPhys{base}, 1000);
    CHECK(tables.madt.header.length == 44 + 8 * max_vcpus);
}
