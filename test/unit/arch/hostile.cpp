// SPDX-License-Identifier: Apache-2.0
// Bit flips in well-formed tables: whatever firmware says, the parsers end, stay inside memory (the sanitizers watch)
// and inside their own arrays.
// REQ-BOOT-001
#include <arch/x86_64/boot/acpi.hpp>
#include <arch/x86_64/boot/multiboot.hpp>

#include "firmware.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace bulkhead;
using namespace bulkhead::kernel;
using namespace bulkhead::kernel::arch;
using bulkhead::test::Firmware;

namespace {

void check_bounds(const LoaderFacts& loader, const BootFacts& facts) {
    REQUIRE(loader.memory_count <= LoaderFacts::max_memory);
    REQUIRE(facts.module_count <= BootFacts::max_modules);
    REQUIRE(std::memchr(facts.command_line, 0, sizeof(facts.command_line)) != nullptr);
    for (std::uint32_t i = 0; i < facts.module_count; ++i) {
        const BootModule& module = facts.modules[i];
        REQUIRE(std::memchr(module.command_line, 0, sizeof(module.command_line)) != nullptr);
    }
}

} // namespace

TEST_CASE("multiboot: random information", "[arch]") {
    std::mt19937 random{2};
    for (int round = 0; round < 20000; ++round) {
        Firmware firmware{0x2000};
        constexpr std::uint32_t info = 0x100;
        for (std::uint32_t i = 0; i < 0x400; i += 4) {
            // Mostly small numbers, so that many of them make sense as lengths and addresses.
            firmware.put(info + i, static_cast<std::uint32_t>(random() >> (random() % 32)));
        }
        if (round % 2 == 0) {
            firmware.put(info, static_cast<std::uint32_t>(random() % 0x800));
        }
        for (const std::uint32_t magic : {multiboot1_magic, multiboot2_magic}) {
            LoaderFacts loader{};
            BootFacts facts{};
            (void)parse_multiboot(firmware.window(), magic, info, loader, facts);
            check_bounds(loader, facts);
        }
    }
}

TEST_CASE("acpi: random MADT bodies with a right checksum", "[arch]") {
    std::mt19937 random{3};
    Firmware firmware;
    firmware.put_root_pointer(0xf0000, 0x20000, 0);
    for (int round = 0; round < 20000; ++round) {
        std::vector<std::uint8_t> body(8 + random() % 200);
        for (auto& byte : body) {
            byte = static_cast<std::uint8_t>(random() % 16);
        }
        firmware.put_table(0x22000, "APIC", body);
        firmware.put_table(0x20000, "RSDT", {0x00, 0x20, 0x02, 0x00});
        AcpiFacts facts;
        REQUIRE(parse_acpi(firmware.window(), 0, facts));
        REQUIRE(facts.cpu_count <= max_cpus);
        REQUIRE(facts.io_apic_count <= AcpiFacts::max_io_apics);
    }
}
