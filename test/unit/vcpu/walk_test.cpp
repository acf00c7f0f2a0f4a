// SPDX-License-Identifier: Apache-2.0
// The guest page walk in every paging mode, with tables as a guest has them and as a hostile one makes them.
// REQ-INPUT-005
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "guest_access.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;

namespace {

constexpr std::uint64_t ram_bytes = 0x40'0000;
constexpr std::uint64_t p = 1, w = 2, u = 4, a = 0x20, dirty = 0x40, large = 0x80;
constexpr std::uint64_t nx = std::uint64_t{1} << 63;

struct Ram {
    Ram() : bytes{static_cast<std::uint8_t*>(std::aligned_alloc(4096, ram_bytes))} {
        std::memset(bytes, 0, ram_bytes);
        REQUIRE(memory.add_ram(GuestPhys{0}, ram_bytes, bytes));
    }
    ~Ram() { std::free(bytes); }
    Ram(const Ram&) = delete;
    Ram& operator=(const Ram&) = delete;

    void put64(std::uint64_t at, std::uint64_t value) { std::memcpy(bytes + at, &value, 8); }
    void put32(std::uint64_t at, std::uint32_t value) { std::memcpy(bytes + at, &value, 4); }
    std::uint64_t get64(std::uint64_t at) const {
        std::uint64_t value;
        std::memcpy(&value, bytes + at, 8);
        return value;
    }
    std::uint32_t get32(std::uint64_t at) const {
        std::uint32_t value;
        std::memcpy(&value, bytes + at, 4);
        return value;
    }

    std::uint8_t* bytes;
    GuestMemory memory;
};

constexpr PagingState unpaged{0x11, 0x1000, 0, 0};
constexpr PagingState two_level{0x8001'0011, 0x1000, 0x10, 0};
constexpr PagingState pae{0x8001'0011, 0x1020, 0x20, 0x800};
constexpr PagingState four_level{0x8001'0011, 0x1000, 0x20, 0xd00};
constexpr PagingState five_level{0x8001'0011, 0x1000, 0x1020, 0xd00};

/// A vCPU's state at CPL 0 with that paging.
VcpuState with_paging(const PagingState& paging) {
    VcpuState state{};
    state.cr0 = paging.cr0;
    state.cr3 = paging.cr3;
    state.cr4 = paging.cr4;
    state.efer = paging.efer;
    return state;
}

std::uint64_t must(const Walk& walked) {
    REQUIRE(walked.status == WalkStatus::ok);
    return walked.address.value;
}

/// 0x1000 -> 0x2000 -> 0x3000 -> 0x4000 -> page 0x55000, for address 0x7f12'3456'7abc's indices.
constexpr std::uint64_t address4 = 0x0000'7f12'3456'7abc;
void map4(Ram& ram, std::uint64_t leaf_flags) {
    ram.put64(0x1000 + ((address4 >> 39) & 0x1ff) * 8, 0x2000 | p | w | u);
    ram.put64(0x2000 + ((address4 >> 30) & 0x1ff) * 8, 0x3000 | p | w | u);
    ram.put64(0x3000 + ((address4 >> 21) & 0x1ff) * 8, 0x4000 | p | w | u);
    ram.put64(0x4000 + ((address4 >> 12) & 0x1ff) * 8, 0x5'5000 | leaf_flags);
}

} // namespace

TEST_CASE("unpaged addresses are 32 bits of physical address") {
    Ram ram;
    CHECK(must(walk(ram.memory, unpaged, 0x1234, {})) == 0x1234);
    CHECK(must(walk(ram.memory, unpaged, 0xffff'ffff'0000'1234, {})) == 0x1234);
}

TEST_CASE("2-level paging: small pages, 4 MiB pages, PSE-36") {
    Ram ram;
    ram.put32(0x1000 + 3 * 4, 0x2000 | p | w | u);
    ram.put32(0x2000 + 5 * 4, 0x7000 | p | w);
    CHECK(must(walk(ram.memory, two_level, (3u << 22) | (5u << 12) | 0x123, {})) == 0x7123);
    CHECK((ram.get32(0x2000 + 5 * 4) & a) != 0);
    CHECK((ram.get32(0x2000 + 5 * 4) & dirty) == 0);

    ram.put32(0x1000 + 4 * 4, 0x0080'0000 | p | w | large);
    CHECK(must(walk(ram.memory, two_level, (4u << 22) | 0x12'3456, {})) == 0x92'3456);
    ram.put32(0x1000 + 4 * 4, 0x0080'0000 | (5u << 13) | p | w | large);
    CHECK(must(walk(ram.memory, two_level, 4u << 22, {})) == 0x5'0080'0000);

    SECTION("without CR4.PSE the large bit means nothing") {
        PagingState no_pse = two_level;
        no_pse.cr4 = 0;
        ram.put32(0x1000 + 4 * 4, 0x2000 | p | w | large);
        CHECK(must(walk(ram.memory, no_pse, (4u << 22) | (5u << 12), {})) == 0x7000);
    }
}

TEST_CASE("PAE: the page-directory pointers' other bits are ignored") {
    Ram ram;
    const std::uint64_t address = (std::uint64_t{2} << 30) | (7u << 21) | (9u << 12) | 0xabc;
    // QEMU sets the accessed bit there, which real CPUs reserve; R/W and U/S do not exist.
    ram.put64(0x1020 + 2 * 8, 0x2000 | p | a);
    ram.put64(0x2000 + 7 * 8, 0x3000 | p | w | u);
    ram.put64(0x3000 + 9 * 8, 0x6000 | p | w | u);
    CHECK(must(walk(ram.memory, pae, address, {.write = true, .user = true})) == 0x6abc);
    CHECK(ram.get64(0x1020 + 2 * 8) == (0x2000 | p | a));
    CHECK((ram.get64(0x3000 + 9 * 8) & (a | dirty)) == (a | dirty));
    ram.put64(0x2000 + 7 * 8, 0x20'0000 | p | w | large);
    CHECK(must(walk(ram.memory, pae, address, {})) == 0x20'9abc);
    CHECK(walk(ram.memory, pae, address + (std::uint64_t{1} << 30), {}).status == WalkStatus::page_fault);
}

TEST_CASE("4-level paging: 4 KiB, 2 MiB, 1 GiB") {
    Ram ram;
    map4(ram, p | w | u);
    CHECK(must(walk(ram.memory, four_level, address4, {})) == 0x5'5abc);
    ram.put64(0x3000 + ((address4 >> 21) & 0x1ff) * 8, 0x20'0000 | p | w | large);
    CHECK(must(walk(ram.memory, four_level, address4, {})) == (0x20'0000 | (address4 & 0x1f'ffff)));
    ram.put64(0x2000 + ((address4 >> 30) & 0x1ff) * 8, (std::uint64_t{3} << 30) | p | w | large);
    CHECK(must(walk(ram.memory, four_level, address4, {})) == ((std::uint64_t{3} << 30) | (address4 & 0x3fff'ffff)));
    CHECK(walk(ram.memory, four_level, 0x0000'8000'0000'0000, {}).status == WalkStatus::not_canonical);
    CHECK(walk(ram.memory, four_level, 0xffff'7fff'ffff'ffff, {}).status == WalkStatus::not_canonical);
    CHECK(walk(ram.memory, four_level, 0xffff'8000'0000'0000, {}).status == WalkStatus::page_fault);
}

TEST_CASE("5-level paging") {
    Ram ram;
    const std::uint64_t address = 0x00ab'7f12'3456'7abc;
    ram.put64(0x1000 + ((address >> 48) & 0x1ff) * 8, 0x5000 | p | w | u);
    ram.put64(0x5000 + ((address >> 39) & 0x1ff) * 8, 0x2000 | p | w | u);
    ram.put64(0x2000 + ((address >> 30) & 0x1ff) * 8, 0x3000 | p | w | u);
    ram.put64(0x3000 + ((address >> 21) & 0x1ff) * 8, 0x4000 | p | w | u);
    ram.put64(0x4000 + ((address >> 12) & 0x1ff) * 8, 0x5'5000 | p | w | u);
    CHECK(must(walk(ram.memory, five_level, address, {})) == 0x5'5abc);
    CHECK(walk(ram.memory, five_level, 0x0100'0000'0000'0000, {}).status == WalkStatus::not_canonical);
    CHECK(walk(ram.memory, four_level, address, {}).status == WalkStatus::not_canonical);
}

TEST_CASE("rights are those of all levels together") {
    Ram ram;
    const auto check = [&](std::uint64_t flags, Access access, bool allowed, std::uint32_t error = 0) {
        map4(ram, flags);
        const Walk walked = walk(ram.memory, four_level, address4, access);
        CHECK((walked.status == WalkStatus::ok) == allowed);
        if (!allowed) {
            CHECK(walked.status == WalkStatus::page_fault);
            CHECK(walked.error == error);
        }
    };
    check(p, {}, true);
    check(p, {.write = true}, false, 3);
    check(p | w, {.write = true}, true);
    check(p | w, {.user = true}, false, 5);
    check(p | w, {.write = true, .user = true}, false, 7);
    check(p | w | u, {.write = true, .user = true}, true);
    check(p | w | u | nx, {.execute = true}, false, 0x11);
    check(p | w | u | nx, {}, true);
    check(0, {.write = true}, false, 2);
    check(0, {.execute = true, .user = true}, false, 0x14);

    SECTION("a right missing above is missing below") {
        map4(ram, p | w | u);
        ram.put64(0x2000 + ((address4 >> 30) & 0x1ff) * 8, 0x3000 | p | u);
        CHECK(walk(ram.memory, four_level, address4, {.write = true}).error == 3);
    }
    SECTION("without CR0.WP the kernel writes anywhere") {
        PagingState no_wp = four_level;
        no_wp.cr0 &= ~std::uint64_t{1 << 16};
        map4(ram, p);
        CHECK(walk(ram.memory, no_wp, address4, {.write = true}).status == WalkStatus::ok);
        CHECK(walk(ram.memory, no_wp, address4, {.write = true, .user = true}).status == WalkStatus::page_fault);
    }
    SECTION("without EFER.NXE bit 63 is reserved") {
        PagingState no_nx = four_level;
        no_nx.efer = 0x500;
        map4(ram, p | nx);
        CHECK(walk(ram.memory, no_nx, address4, {.execute = true}).error == 0x9);
        CHECK(walk(ram.memory, no_nx, address4, {.write = true}).error == 0xb);
        map4(ram, p);
        CHECK(walk(ram.memory, no_nx, address4, {.execute = true}).status == WalkStatus::ok);
    }
    SECTION("the kernel leaves users' pages alone where SMAP and SMEP say so") {
        PagingState smap = four_level;
        smap.cr4 |= 1u << 21;
        map4(ram, p | w | u);
        CHECK(walk(ram.memory, smap, address4, {.write = true}).error == 3);
        CHECK(walk(ram.memory, smap, address4, {}).error == 1);
        CHECK(walk(ram.memory, smap, address4, {.user = true}).status == WalkStatus::ok);
        CHECK(walk(ram.memory, smap, address4, {.execute = true}).status == WalkStatus::ok);
        smap.alignment_check = true; // after STAC
        CHECK(walk(ram.memory, smap, address4, {.write = true}).status == WalkStatus::ok);
        map4(ram, p | w);
        smap.alignment_check = false;
        CHECK(walk(ram.memory, smap, address4, {.write = true}).status == WalkStatus::ok);
        PagingState smep = four_level;
        smep.cr4 |= 1u << 20;
        map4(ram, p | w | u);
        CHECK(walk(ram.memory, smep, address4, {.execute = true}).error == 0x11);
        CHECK(walk(ram.memory, smep, address4, {.write = true}).status == WalkStatus::ok);
    }
}

TEST_CASE("reserved bits fault in every mode, as on the CPU") {
    Ram ram;
    constexpr std::uint32_t reserved = 0x9;
    SECTION("2-level: bit 21 of a 4 MiB page") {
        ram.put32(0x1000 + 4 * 4, 0x0080'0000 | (1u << 21) | p | w | large);
        CHECK(walk(ram.memory, two_level, 4u << 22, {}).error == reserved);
    }
    SECTION("PAE: bits 62 to 52 at every level, offsets of large pages") {
        constexpr std::uint64_t high = std::uint64_t{1} << 52;
        ram.put64(0x1020, 0x2000 | p | high);
        CHECK(walk(ram.memory, pae, 0, {}).error == reserved);
        ram.put64(0x1020, 0x2000 | p);
        ram.put64(0x2000, 0x3000 | p | w | high);
        CHECK(walk(ram.memory, pae, 0, {}).error == reserved);
        ram.put64(0x2000, 0x3000 | p | w);
        ram.put64(0x3000, 0x6000 | p | w | (std::uint64_t{1} << 62));
        CHECK(walk(ram.memory, pae, 0, {}).error == reserved);
        ram.put64(0x3000, 0x6000 | p | w | nx);
        CHECK(walk(ram.memory, pae, 0, {}).status == WalkStatus::ok);
        ram.put64(0x2000, 0x20'2000 | p | w | large);
        CHECK(walk(ram.memory, pae, 0, {}).error == reserved);
        ram.put64(0x2000, 0x20'1000 | p | w | large); // bit 12 is PAT
        CHECK(must(walk(ram.memory, pae, 0, {})) == 0x20'0000);
    }
    SECTION(
        "long mode: the large bit where no large page can be, offsets of large pages; bits 62 to 52 are software's") {
        map4(ram, p | w | (std::uint64_t{0x7ff} << 52));
        CHECK(walk(ram.memory, four_level, address4, {}).status == WalkStatus::ok);
        ram.put64(0x2000 + ((address4 >> 30) & 0x1ff) * 8, (std::uint64_t{3} << 30) | 0x20'0000 | p | w | large);
        CHECK(walk(ram.memory, four_level, address4, {}).error == reserved);
        ram.put64(0x1000 + ((address4 >> 39) & 0x1ff) * 8, 0x2000 | p | w | u | large);
        CHECK(walk(ram.memory, four_level, address4, {}).error == reserved);
    }
}

TEST_CASE("rights in 2-level and PAE tables") {
    Ram ram;
    ram.put32(0x1000, 0x2000 | p | w | u);
    ram.put32(0x2000, 0x7000 | p | u);
    CHECK(walk(ram.memory, two_level, 0, {.write = true}).error == 3);
    CHECK(walk(ram.memory, two_level, 0, {.write = true, .user = true}).error == 7);
    CHECK(walk(ram.memory, two_level, 0, {.execute = true, .user = true}).status == WalkStatus::ok);
    PagingState no_wp = two_level;
    no_wp.cr0 &= ~std::uint64_t{1 << 16};
    CHECK(walk(ram.memory, no_wp, 0, {.write = true}).status == WalkStatus::ok);
    CHECK(walk(ram.memory, no_wp, 0, {.write = true, .user = true}).status == WalkStatus::page_fault);
    CHECK(walk(ram.memory, two_level, 0x1000, {.user = true}).error == 4);

    ram.put64(0x1020, 0x3000 | p); // carries no rights: user and writable below
    ram.put64(0x3000, 0x4000 | p | u);
    ram.put64(0x4000, 0x7000 | p | w | u | nx);
    CHECK(walk(ram.memory, pae, 0, {.write = true}).error == 3);
    CHECK(walk(ram.memory, pae, 0, {.user = true}).status == WalkStatus::ok);
    CHECK(walk(ram.memory, pae, 0, {.execute = true}).error == 0x11);
    CHECK(walk(ram.memory, pae, std::uint64_t{1} << 30, {.execute = true}).error == 0x10);
}

TEST_CASE("accessed and dirty bits are set only by a walk that succeeds") {
    Ram ram;
    map4(ram, p);
    CHECK(walk(ram.memory, four_level, address4, {.write = true}).status == WalkStatus::page_fault);
    CHECK((ram.get64(0x1000 + ((address4 >> 39) & 0x1ff) * 8) & a) == 0);
    CHECK(walk(ram.memory, four_level, address4, {}).status == WalkStatus::ok);
    CHECK((ram.get64(0x1000 + ((address4 >> 39) & 0x1ff) * 8) & a) != 0);
    CHECK((ram.get64(0x4000 + ((address4 >> 12) & 0x1ff) * 8) & (a | dirty)) == a);
}

TEST_CASE("tables outside memory are an error, not an access") {
    Ram ram;
    PagingState far = four_level;
    far.cr3 = 0x000f'ffff'ffff'f000;
    CHECK(walk(ram.memory, far, address4, {}).status == WalkStatus::no_table);
    far.cr3 = ram_bytes;
    CHECK(walk(ram.memory, far, address4, {}).status == WalkStatus::no_table);
    map4(ram, p);
    ram.put64(0x2000 + ((address4 >> 30) & 0x1ff) * 8, 0x000f'ffff'ffff'f000 | p);
    CHECK(walk(ram.memory, four_level, address4, {}).status == WalkStatus::no_table);
}

TEST_CASE("a table that is its own entry ends after as many levels as there are") {
    Ram ram;
    for (std::uint64_t i = 0; i < 512; ++i) {
        ram.put64(0x1000 + i * 8, 0x1000 | p | w | u);
    }
    CHECK(must(walk(ram.memory, four_level, address4, {.write = true})) == 0x1abc);
    CHECK(must(walk(ram.memory, five_level, 0xffff'ffff'ffff'fabc, {})) == 0x1abc);
}

TEST_CASE("random tables never lead outside memory") {
    Ram ram;
    std::mt19937_64 random{42};
    for (std::uint64_t i = 0; i < 0x8000; i += 8) {
        ram.put64(i, (random() & 0x000f'0000'0000'00ff) | (random() & 0x3f'f000) | p);
    }
    for (const PagingState& mode : {two_level, pae, four_level, five_level}) {
        const VcpuState state = with_paging(mode);
        GuestAccess access{ram.memory, state};
        for (int i = 0; i < 20'000; ++i) {
            std::uint8_t buffer[64];
            const std::uint64_t at = random();
            if (access.read(at, buffer, 1 + random() % 64)) {
                continue;
            }
            CHECK(access.fault().status != WalkStatus::ok);
        }
    }
}

TEST_CASE("copies cross pages whole or not at all") {
    Ram ram;
    ram.put64(0x1000, 0x2000 | p | w | u);
    ram.put64(0x2000, 0x3000 | p | w | u);
    ram.put64(0x3000, 0x4000 | p | w | u);
    ram.put64(0x4000 + 1 * 8, 0x9000 | p | w);
    ram.put64(0x4000 + 2 * 8, 0x7000 | p | w);
    ram.put64(0x4000 + 3 * 8, 0x8000 | p);
    std::memset(ram.bytes + 0x7000, 0xaa, 0x3000);
    const VcpuState state = with_paging(four_level);
    GuestAccess access{ram.memory, state};
    const std::uint64_t value = 0x1122'3344'5566'7788;
    REQUIRE(access.put(0x1ffc, value));
    CHECK(ram.get32(0x9ffc) == 0x5566'7788);
    CHECK(ram.get32(0x7000) == 0x1122'3344);
    std::uint64_t back = 0;
    REQUIRE(access.get(0x1ffc, back));
    CHECK(back == value);

    CHECK_FALSE(access.put(0x2ffc, value)); // the second page is read-only
    CHECK(access.fault().address == 0x3000);
    CHECK(access.fault().error == 3);
    CHECK(ram.get32(0x7ffc) == 0xaaaa'aaaa);
    CHECK(access.get(0x2ffc, back));
    CHECK_FALSE(access.get(0x3ffc, back));
    CHECK(access.fault().address == 0x4000);
    CHECK_FALSE(access.get(0xffff'ffff'ffff'fffc, back));
}

TEST_CASE("copies of every length and place, with a hole anywhere") {
    Ram ram;
    constexpr std::uint64_t pages = 8;
    ram.put64(0x1000, 0x2000 | p | w | u);
    ram.put64(0x2000, 0x3000 | p | w | u);
    ram.put64(0x3000, 0x4000 | p | w | u);
    std::mt19937_64 random{9};
    for (int round = 0; round < 400; ++round) {
        const std::uint64_t hole = random() % (pages + 3); // or none
        for (std::uint64_t i = 0; i < pages; ++i) {
            ram.put64(0x4000 + i * 8, (0x10'0000 + ((i * 5) % pages) * 0x1000) | p | (i == hole ? 0 : w));
        }
        std::memset(ram.bytes + 0x10'0000, 0, pages * 0x1000);
        const std::uint64_t at = random() % (pages * 0x1000);
        const std::uint64_t size = random() % (pages * 0x1000 - at + 1);
        std::vector<std::uint8_t> data(size), back(size);
        for (auto& byte : data) {
            byte = static_cast<std::uint8_t>(random() | 1);
        }
        const VcpuState state = with_paging(four_level);
        GuestAccess access{ram.memory, state};
        const bool meets_hole = size != 0 && at <= hole * 0x1000 + 0xfff && at + size > hole * 0x1000;
        CAPTURE(at, size, hole);
        CHECK(access.write(at, data.data(), size) == !meets_hole);
        REQUIRE(access.read(at, back.data(), size));
        const bool nothing = std::all_of(back.begin(), back.end(), [](std::uint8_t b) { return b == 0; });
        CHECK((meets_hole ? nothing : back == data));
    }
}

TEST_CASE("guest memory: ranges, overlays, bounds") {
    Ram ram;
    GuestMemory memory;
    CHECK_FALSE(memory.add_ram(GuestPhys{0x800}, 0x1000, ram.bytes));
    CHECK_FALSE(memory.add_ram(GuestPhys{0}, 0, ram.bytes));
    CHECK_FALSE(memory.add_ram(GuestPhys{0xffff'ffff'ffff'f000}, 0x2000, ram.bytes));
    CHECK(memory.add_ram(GuestPhys{0x1000}, 0x3000, ram.bytes + 0x1000));
    CHECK_FALSE(memory.add_ram(GuestPhys{0x3000}, 0x1000, ram.bytes));
    CHECK(memory.add_ram(GuestPhys{0x4000}, 0x1000, ram.bytes + 0x4000));
    CHECK_FALSE(memory.add_ram(GuestPhys{0x9000}, 0x1000, ram.bytes + 0x9000));

    std::uint64_t value = 5;
    CHECK_FALSE(memory.read(GuestPhys{0xff8}, &value, 16));
    CHECK_FALSE(memory.read(GuestPhys{0x4ffc}, &value, 8));
    CHECK_FALSE(memory.read(GuestPhys{0xffff'ffff'ffff'fffc}, &value, 8));
    CHECK(value == 5);
    CHECK(memory.write(GuestPhys{0x3ffc}, &value, 8)); // across the two ranges
    CHECK(memory.in_page(GuestPhys{0x1ffc}, 8) == nullptr);
    CHECK(memory.in_page(GuestPhys{0x1ff8}, 8) == ram.bytes + 0x1ff8);

    std::uint8_t* other = ram.bytes + 0x10'0000;
    REQUIRE(memory.set_overlay(Gfn{2}, other));
    CHECK(memory.page(Gfn{2}) == other);
    REQUIRE(memory.set_overlay(Gfn{0x8'0000}, nullptr)); // beyond RAM
    CHECK_FALSE(memory.is_ram(GuestPhys{0x8'0000'0000}));
    REQUIRE(memory.set_overlay(Gfn{2}, nullptr));
    CHECK_FALSE(memory.read(GuestPhys{0x1ffc}, &value, 8));
    memory.clear_overlay(Gfn{2});
    CHECK(memory.page(Gfn{2}) == ram.bytes + 0x2000);

    for (std::uint32_t i = 0; i < GuestMemory::max_overlays - 1; ++i) {
        REQUIRE(memory.set_overlay(Gfn{100 + i}, other));
    }
    CHECK_FALSE(memory.has_room_for_overlay(Gfn{1}));
    CHECK(memory.has_room_for_overlay(Gfn{100}));
    CHECK_FALSE(memory.set_overlay(Gfn{1}, other));
    CHECK(memory.page(Gfn{1}) == ram.bytes + 0x1000);
}

TEST_CASE("a page that was found counts until the memory changes", "[REQ-PERF-003]") {
    Ram ram;
    std::vector<std::uint64_t> holes(64);
    ram.memory.set_hole_bits(holes.data());
    ram.put64(0x1000, 0x2000 | p | w | u);
    ram.put64(0x2000, 0x3000 | p | w | u);
    ram.put64(0x3000, 0x4000 | p | w | u);
    ram.put64(0x4000 + 1 * 8, 0x9000 | p | w);
    ram.put64(0x4000 + 2 * 8, 0x7000 | p);
    const VcpuState state = with_paging(four_level);
    GuestAccess access{ram.memory, state};
    std::uint32_t value = 0;
    REQUIRE(access.get(0x1000, value));
    ram.put64(0x4000 + 1 * 8, 0x8000 | p | w); // as from another vCPU, whose TLB entry lives as long
    ram.put32(0x8000, 0x8888);
    REQUIRE(access.get(0x1000, value));
    CHECK(value == 0);
    SECTION("reading a page does not make it writable") {
        REQUIRE(access.get(0x2000, value));
        CHECK_FALSE(access.writable(0x2000, 4));
        CHECK_FALSE(access.put(0x2000, value));
    }
    SECTION("writing sets the dirty bit, though reading came first") {
        GuestAccess other{ram.memory, state};
        REQUIRE(other.get(0x1000, value));
        CHECK((ram.get64(0x4000 + 1 * 8) & 0x40) == 0);
        REQUIRE(other.put(0x1000, value));
        CHECK((ram.get64(0x4000 + 1 * 8) & 0x40) != 0);
    }
    SECTION("a page that is taken away is gone") {
        (void)ram.memory.take_away(Gfn{9});
        REQUIRE(access.get(0x1000, value)); // looked up again
        CHECK(value == 0x8888);
        (void)ram.memory.take_away(Gfn{8});
        CHECK_FALSE(access.get(0x1000, value));
    }
    SECTION("another call looks for itself") {
        GuestAccess other{ram.memory, state};
        REQUIRE(other.get(0x1000, value));
        CHECK(value == 0x8888);
    }
}

TEST_CASE("what is at a frame is found the same way whatever else there is", "[REQ-PERF-003]") {
    constexpr std::uint64_t pages = 64;
    std::vector<std::uint8_t> bytes(pages * page_size);
    std::vector<std::uint8_t> over(pages * page_size);
    std::vector<std::uint64_t> holes(1);
    GuestMemory memory;
    REQUIRE(memory.add_ram(GuestPhys{0}, pages * page_size, bytes.data()));
    memory.set_hole_bits(holes.data());
    std::vector<bool> has_ram(pages, true);
    std::map<std::uint64_t, std::uint8_t*> overlays;
    std::mt19937_64 random{7};
    for (int i = 0; i < 5000; ++i) {
        const std::uint64_t gfn = random() % pages;
        switch (random() % 4) {
        case 0:
            (void)memory.take_away(Gfn{gfn});
            has_ram[gfn] = false;
            break;
        case 1:
            memory.put_back(Gfn{gfn});
            has_ram[gfn] = true;
            break;
        case 2:
            if (overlays.size() < 8) {
                REQUIRE(memory.set_overlay(Gfn{gfn}, over.data() + gfn * page_size));
                overlays[gfn] = over.data() + gfn * page_size;
            }
            break;
        default:
            memory.clear_overlay(Gfn{gfn});
            overlays.erase(gfn);
            break;
        }
        for (std::uint64_t at = 0; at <= pages; ++at) {
            std::uint8_t* expected = at < pages && has_ram[at] ? bytes.data() + at * page_size : nullptr;
            expected = overlays.contains(at) ? overlays[at] : expected;
            REQUIRE(memory.page(Gfn{at}) == expected);
        }
    }
}
