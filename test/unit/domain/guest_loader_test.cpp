// SPDX-License-Identifier: Apache-2.0
// What a guest finds in its memory: segments with zeroed tails, the ramdisk, start_info and all that it points to.
// REQ-DOMAIN-005
#include <catch2/catch.hpp>

#include <cstring>
#include <string>

#include <bulkhead/xen.hpp>

#include "elf_maker.hpp"
#include "guest_loader.hpp"

using namespace bulkhead;
using namespace bulkhead::domain;
using test::ElfMaker;

namespace {

struct Guest {
    std::vector<std::uint8_t> file =
        ElfMaker(true).load(0x10'0000, {1, 2, 3, 4}, 0x2000).load(0x18'0000, {9, 9}, 2).entry_note(0x10'0000, 8).make();
    std::vector<std::uint8_t> ramdisk = std::vector<std::uint8_t>(5000, 0x5a);
    std::string command_line = "console=hvc0 nopvspin";
    PvhImage image;
    MemoryPlan plan;
    std::vector<std::uint8_t> ram;

    Guest() : ram(4 << 20, 0) {
        REQUIRE(parse_pvh_image(file, image) == ImageError::none);
        make_plan();
    }
    void make_plan() {
        REQUIRE(plan_memory({ram.size(), ramdisk.size(), command_line.size()}, image, plan) == PlanError::none);
    }
    bool load() { return load_guest(ram, image, plan, {file, command_line, 2}); }
    template <typename T> T at(std::uint64_t address) const {
        T value;
        REQUIRE(address + sizeof value <= ram.size());
        std::memcpy(&value, ram.data() + address, sizeof value);
        return value;
    }
};

} // namespace

TEST_CASE("segments are where the plan says, tails are zero, the ramdisk's place is left alone", "[domain][loader]") {
    Guest guest;
    std::fill(guest.ram.begin() + 0x10'0000, guest.ram.begin() + 0x10'3000, std::uint8_t{0xee});
    REQUIRE(guest.load());
    CHECK(guest.at<std::uint32_t>(0x10'0000) == 0x04030201);
    CHECK(guest.at<std::uint64_t>(0x10'0004) == 0);
    CHECK(guest.at<std::uint8_t>(0x10'1fff) == 0);
    CHECK(guest.at<std::uint8_t>(0x10'2000) == 0xee); // not a byte more
    CHECK(guest.at<std::uint16_t>(0x18'0000) == 0x0909);
    for (std::uint64_t i = 0; i < guest.ramdisk.size(); ++i) {
        REQUIRE(guest.at<std::uint8_t>(guest.plan.ramdisk.begin + i) == 0);
    }
    CHECK(guest.at<std::uint64_t>(0) == 0);
}

TEST_CASE("start_info leads to command line, ramdisk, memory map and RSDP", "[domain][loader]") {
    Guest guest;
    REQUIRE(guest.load());
    const auto info = guest.at<hvm_start_info>(guest.plan.start.start_info.value);
    CHECK(info.magic == XEN_HVM_START_MAGIC_VALUE);
    CHECK(info.version == 1);
    CHECK(info.flags == 0);
    CHECK(info.reserved == 0);
    REQUIRE(info.nr_modules == 1);
    const auto module = guest.at<hvm_modlist_entry>(info.modlist_paddr);
    CHECK(module.paddr == guest.plan.ramdisk.begin);
    CHECK(module.size == 5000);
    CHECK(module.cmdline_paddr == 0);
    CHECK(std::string(reinterpret_cast<const char*>(guest.ram.data() + info.cmdline_paddr)) == guest.command_line);
    REQUIRE(info.memmap_entries == guest.plan.map.count);
    for (std::uint32_t i = 0; i < info.memmap_entries; ++i) {
        const auto entry = guest.at<hvm_memmap_table_entry>(info.memmap_paddr + i * sizeof(hvm_memmap_table_entry));
        CHECK(entry.addr == guest.plan.map.entry[i].range.begin);
        CHECK(entry.size == guest.plan.map.entry[i].range.size());
        CHECK(entry.type == static_cast<std::uint32_t>(guest.plan.map.entry[i].type));
        CHECK(entry.reserved == 0);
    }
    CHECK(std::memcmp(guest.ram.data() + info.rsdp_paddr, "RSD PTR ", 8) == 0);
}

TEST_CASE("a domain without ramdisk has no module", "[domain][loader]") {
    Guest guest;
    guest.ramdisk.clear();
    guest.make_plan();
    REQUIRE(guest.load());
    const auto info = guest.at<hvm_start_info>(guest.plan.start.start_info.value);
    CHECK(info.nr_modules == 0);
    CHECK(info.modlist_paddr == 0);
}

TEST_CASE("contents that do not belong to the plan are refused before anything is written", "[domain][loader]") {
    Guest guest;
    const auto untouched = guest.ram;
    guest.command_line += "!";
    CHECK_FALSE(guest.load());
    guest.command_line.pop_back();
    const auto file = guest.file;
    guest.file.resize(100);
    CHECK_FALSE(guest.load());
    guest.file = file;
    guest.plan.low_bytes -= page_size;
    CHECK_FALSE(guest.load());
    CHECK(guest.ram == untouched);
}
