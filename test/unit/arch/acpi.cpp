// SPDX-License-Identifier: Apache-2.0
// REQ-BOOT-001
#include <arch/x86_64/boot/acpi.hpp>

#include "firmware.hpp"

#include <catch2/catch.hpp>

using namespace bulkhead;
using namespace bulkhead::kernel::arch;
using bulkhead::test::Firmware;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t rsdt = 0x20000, xsdt = 0x21000, madt = 0x22000;
constexpr std::uint64_t root_in_bios = 0xf0010;

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes little(std::uint64_t value, std::size_t bytes) {
    Bytes out;
    for (std::size_t i = 0; i < bytes; ++i) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    return out;
}

Bytes cpu(std::uint8_t id, std::uint32_t flags = 1) {
    return Bytes{0, 8, id, id} + little(flags, 4);
}

const Bytes madt_head = little(0xfee00000, 4) + little(1, 4);
const Bytes typical = madt_head + cpu(0) + cpu(1) + cpu(2, 0) + Bytes{1, 12, 0, 0} + little(0xfec00000, 4) +
                      little(0, 4) + Bytes{2, 10, 0, 0} + little(2, 4) + little(0, 2) + Bytes{2, 10, 0, 9} +
                      little(9, 4) + little(0xf, 2);

Firmware with_madt(const Bytes& body, bool extended = false) {
    Firmware firmware;
    firmware.put_table(madt, "APIC", body);
    firmware.put_table(rsdt, "RSDT", little(0x30000, 4) + little(madt, 4));
    firmware.put_table(xsdt, "XSDT", little(madt, 8));
    firmware.put_root_pointer(root_in_bios, rsdt, extended ? xsdt : 0);
    return firmware;
}

} // namespace

TEST_CASE("acpi: processors, I/O APICs and overrides", "[arch]") {
    for (const bool extended : {false, true}) {
        const Firmware firmware = with_madt(typical, extended);
        AcpiFacts facts;
        REQUIRE(parse_acpi(firmware.window(), 0, facts));
        CHECK(facts.local_apic == 0xfee00000);
        REQUIRE(facts.cpu_count == 2);
        CHECK(facts.apic_ids[1] == 1);
        REQUIRE(facts.io_apic_count == 1);
        CHECK(facts.io_apics[0].address == 0xfec00000);
        CHECK(facts.isa[0].gsi == 2);
        CHECK_FALSE(facts.isa[0].level);
        CHECK(facts.isa[4].gsi == 4);
        CHECK(facts.isa[9].level);
        CHECK(facts.isa[9].active_low);
    }
}

TEST_CASE("acpi: the root pointer is found in the EBDA and where the loader says", "[arch]") {
    Firmware firmware = with_madt(typical);
    firmware.bytes()[root_in_bios] = 'x';
    AcpiFacts facts;
    CHECK_FALSE(parse_acpi(firmware.window(), 0, facts));
    CHECK(facts.cpu_count == 0);
    CHECK(facts.isa[5].gsi == 5);

    firmware.put_root_pointer(0x5004, rsdt, 0);
    CHECK(parse_acpi(firmware.window(), 0x5004, facts));
    firmware.put(0x40e, std::uint16_t{0x9fc0});
    firmware.put_root_pointer(0x9fc20, rsdt, 0);
    CHECK(parse_acpi(firmware.window(), 0, facts));
}

TEST_CASE("acpi: x2APIC entries, 64-bit address, duplicates", "[arch]") {
    const Firmware firmware = with_madt(madt_head + cpu(3) + cpu(3) + Bytes{9, 16, 0, 0} + little(0x1234, 4) +
                                        little(1, 4) + little(7, 4) + Bytes{5, 12, 0, 0} + little(0x1'fee0'0000, 8));
    AcpiFacts facts;
    REQUIRE(parse_acpi(firmware.window(), 0, facts));
    REQUIRE(facts.cpu_count == 2);
    CHECK(facts.apic_ids[1] == 0x1234);
    CHECK(facts.local_apic == 0x1'fee0'0000);
}

TEST_CASE("acpi: more processors and I/O APICs than fit are counted, not stored", "[arch]") {
    Bytes body = madt_head;
    for (unsigned i = 0; i < 2 * max_cpus; ++i) {
        body = body + cpu(static_cast<std::uint8_t>(i));
    }
    for (unsigned i = 0; i < 2 * AcpiFacts::max_io_apics; ++i) {
        body = body + Bytes{1, 12, 0, 0} + little(0xfec00000, 4) + little(24 * i, 4);
    }
    const Firmware firmware = with_madt(body);
    AcpiFacts facts;
    REQUIRE(parse_acpi(firmware.window(), 0, facts));
    CHECK(facts.cpu_count == max_cpus);
    CHECK(facts.cpus_left_out == max_cpus);
    CHECK(facts.io_apic_count == AcpiFacts::max_io_apics);
}

TEST_CASE("acpi: broken tables", "[arch]") {
    AcpiFacts facts;
    Firmware firmware = with_madt(typical);
    SECTION("wrong checksum") {
        firmware.bytes()[madt + 50] ^= 1;
        CHECK_FALSE(parse_acpi(firmware.window(), 0, facts));
    }
    SECTION("table longer than memory") {
        firmware.put(madt + 4, std::uint32_t{0xfff00});
        CHECK_FALSE(parse_acpi(firmware.window(), 0, facts));
    }
    SECTION("table shorter than its header") {
        firmware.put(madt + 4, std::uint32_t{20});
        CHECK_FALSE(parse_acpi(firmware.window(), 0, facts));
    }
    SECTION("index out of reach") {
        firmware.put_root_pointer(root_in_bios, 0xffff'fff0, 0);
        CHECK_FALSE(parse_acpi(firmware.window(), 0, facts));
    }
    SECTION("an entry of no length ends the list") {
        firmware = with_madt(madt_head + cpu(0) + Bytes{0, 0} + cpu(1));
        CHECK(parse_acpi(firmware.window(), 0, facts));
        CHECK(facts.cpu_count == 1);
    }
    SECTION("an entry that is longer than the table ends the list") {
        firmware = with_madt(madt_head + cpu(0) + Bytes{0, 8, 1});
        CHECK(parse_acpi(firmware.window(), 0, facts));
        CHECK(facts.cpu_count == 1);
    }
    SECTION("entries too short for their type are skipped") {
        firmware = with_madt(madt_head + Bytes{0, 4, 1, 1} + Bytes{1, 4, 0, 0} + Bytes{2, 4, 0, 0} + Bytes{9, 4, 0, 0} +
                             Bytes{5, 4, 0, 0});
        CHECK(parse_acpi(firmware.window(), 0, facts));
        CHECK(facts.cpu_count == 0);
        CHECK(facts.io_apic_count == 0);
    }
    SECTION("an override of an interrupt that ISA has not is ignored") {
        firmware = with_madt(madt_head + Bytes{2, 10, 0, 200} + little(2, 4) + little(0, 2));
        CHECK(parse_acpi(firmware.window(), 0, facts));
    }
}
