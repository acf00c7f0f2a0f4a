// SPDX-License-Identifier: Apache-2.0
// REQ-BOOT-001 REQ-KERNEL-001
#include <arch/x86_64/boot/multiboot.hpp>

#include "firmware.hpp"

#include <catch2/catch.hpp>

using namespace bulkhead;
using namespace bulkhead::kernel;
using namespace bulkhead::kernel::arch;
using bulkhead::test::Firmware;

namespace {

constexpr std::uint32_t info = 0x9000;

/// Multiboot 1 with one usable and one reserved range, `modules` modules and a command line.
Firmware loader1(std::uint32_t modules) {
    Firmware firmware;
    firmware.put(info, std::uint32_t{0x4c}); // command line, modules, memory map
    firmware.put(info + 16, std::uint32_t{0xa000});
    firmware.put_string(0xa000, "kernel.elf exit=0xf4");
    firmware.put(info + 20, modules);
    firmware.put(info + 24, std::uint32_t{0xb000});
    for (std::uint32_t i = 0; i < modules; ++i) {
        std::uint64_t at = 0xb000 + 16 * i;
        at = firmware.put(at, 0x300000 + i * 0x1000);
        at = firmware.put(at, 0x300800 + i * 0x1000);
        firmware.put(at, 0xc000 + i * 0x100);
        firmware.put_string(0xc000 + i * 0x100, "module" + std::to_string(i));
    }
    firmware.put(info + 44, std::uint32_t{48});
    firmware.put(info + 48, std::uint32_t{0xd000});
    std::uint64_t at = 0xd000;
    for (std::uint32_t type = 1; type <= 2; ++type) {
        at = firmware.put(at, std::uint32_t{20});
        at = firmware.put(at, std::uint64_t{0x100000} * type);
        at = firmware.put(at, std::uint64_t{0x80000});
        at = firmware.put(at, type);
    }
    return firmware;
}

} // namespace

TEST_CASE("multiboot 1: memory, modules and command line", "[arch]") {
    const Firmware firmware = loader1(2);
    LoaderFacts loader{};
    BootFacts facts{};
    REQUIRE(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) == nullptr);
    REQUIRE(loader.memory_count == 2);
    CHECK(loader.memory[0].usable);
    CHECK_FALSE(loader.memory[1].usable);
    CHECK(loader.memory[1].range.base == HostPhys{0x200000});
    REQUIRE(facts.module_count == 2);
    CHECK(facts.modules[1].base == HostPhys{0x301000});
    CHECK(facts.modules[1].bytes == 0x800);
    CHECK(std::string{facts.modules[1].command_line} == "module1");
    CHECK(std::string{facts.command_line} == "kernel.elf exit=0xf4");
}

TEST_CASE("multiboot 1: no more modules than fit are taken", "[arch]") {
    const Firmware firmware = loader1(12);
    LoaderFacts loader{};
    BootFacts facts{};
    REQUIRE(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) == nullptr);
    CHECK(facts.module_count == BootFacts::max_modules);
}

TEST_CASE("multiboot 1: what is malformed is refused with a reason", "[arch]") {
    LoaderFacts loader{};
    BootFacts facts{};
    Firmware firmware = loader1(1);
    SECTION("unknown loader") {
        CHECK(parse_multiboot(firmware.window(), 0x1234, info, loader, facts) != nullptr);
    }
    SECTION("information out of reach") {
        CHECK(parse_multiboot(firmware.window(), multiboot1_magic, 0xffff'fff0, loader, facts) != nullptr);
    }
    SECTION("no memory map") {
        firmware.put(info, std::uint32_t{0x0c});
        CHECK(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) != nullptr);
    }
    SECTION("map out of reach") {
        firmware.put(info + 48, std::uint32_t{0xffff'fff0});
        CHECK(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) != nullptr);
    }
    SECTION("map entry without a body") {
        firmware.put(0xd000, std::uint32_t{4});
        CHECK(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) != nullptr);
    }
    SECTION("empty map") {
        firmware.put(info + 44, std::uint32_t{0});
        CHECK(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) != nullptr);
    }
    SECTION("module that ends before it begins") {
        firmware.put(0xb004, std::uint32_t{0x1000});
        CHECK(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) != nullptr);
    }
    SECTION("module list out of reach") {
        firmware.put(info + 24, std::uint32_t{0xfff'fff8});
        CHECK(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) != nullptr);
    }
}

TEST_CASE("multiboot 1: long strings are cut, strings out of reach are empty", "[arch]") {
    Firmware firmware = loader1(1);
    firmware.put_string(0xa000, std::string(500, 'x'));
    firmware.put(0xb008, std::uint32_t{0xffff'ff00});
    LoaderFacts loader{};
    BootFacts facts{};
    REQUIRE(parse_multiboot(firmware.window(), multiboot1_magic, info, loader, facts) == nullptr);
    CHECK(std::string{facts.command_line} == std::string(sizeof(facts.command_line) - 1, 'x'));
    CHECK(std::string{facts.modules[0].command_line}.empty());
}

TEST_CASE("multiboot 2: memory, modules, command line and ACPI root", "[arch]") {
    Firmware firmware;
    std::uint64_t at = info + 8;
    const auto tag = [&](std::uint32_t type, std::uint32_t body) {
        at = (at + 7) & ~std::uint64_t{7};
        at = firmware.put(at, type);
        at = firmware.put(at, body + 8);
    };
    tag(1, 5);
    at = firmware.put_string(at, "exit");
    tag(3, 8 + 5);
    at = firmware.put(at, std::uint32_t{0x300000});
    at = firmware.put(at, std::uint32_t{0x300010});
    at = firmware.put_string(at, "root");
    tag(6, 8 + 24);
    at = firmware.put(at, std::uint32_t{24});
    at = firmware.put(at, std::uint32_t{0});
    at = firmware.put(at, std::uint64_t{0x100000});
    at = firmware.put(at, std::uint64_t{0x200000});
    at = firmware.put(at, std::uint64_t{1});
    tag(15, 36);
    const std::uint64_t root = at;
    at += 36;
    tag(0, 0);
    const auto total = static_cast<std::uint32_t>(at - info);
    firmware.put(info, total);

    LoaderFacts loader{};
    BootFacts facts{};
    SECTION("whole") {
        REQUIRE(parse_multiboot(firmware.window(), multiboot2_magic, info, loader, facts) == nullptr);
        CHECK(loader.memory_count == 1);
        CHECK(loader.memory[0].usable);
        CHECK(loader.acpi_root == root);
        CHECK(std::string{facts.command_line} == "exit");
        REQUIRE(facts.module_count == 1);
        CHECK(std::string{facts.modules[0].command_line} == "root");
        CHECK(facts.modules[0].bytes == 16);
    }
    SECTION("a tag that is longer than the rest is refused") {
        firmware.put(info + 12, std::uint32_t{0x10000});
        CHECK(parse_multiboot(firmware.window(), multiboot2_magic, info, loader, facts) != nullptr);
    }
    SECTION("a tag of no length is refused, not followed for ever") {
        firmware.put(info + 12, std::uint32_t{0});
        CHECK(parse_multiboot(firmware.window(), multiboot2_magic, info, loader, facts) != nullptr);
    }
}

TEST_CASE("command line: numbers", "[arch]") {
    std::uint64_t value = 77;
    CHECK((find_number("exit=0xf4", "exit", 0xffff, value) && value == 0xf4));
    CHECK((find_number("a b exit=501 c", "exit", 0xffff, value) && value == 501));
    CHECK((find_number("exit=0xAbC", "exit", 0xffff, value) && value == 0xabc));
    value = 77;
    for (const char* line : {"", "exit", "exit=", "exit=0x", "exit= 5", "exit=0xg", "exit=12a", "exit=65536", "xexit=5",
                             "exit=99999999999999999999999999", "exits=5", "no exit =5", "exit=-1"}) {
        CHECK_FALSE(find_number(line, "exit", 0xffff, value));
        CHECK(value == 77);
    }
}
