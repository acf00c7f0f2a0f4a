// SPDX-License-Identifier: Apache-2.0
// The guest image parser: images as Xen takes them, and hostile ones.
// REQ-DOMAIN-005
#include <catch2/catch.hpp>

#include <random>

#include "elf_maker.hpp"
#include "pvh_image.hpp"

using namespace bulkhead;
using namespace bulkhead::domain;
using test::ElfMaker;

namespace {

ElfMaker simple(bool is_64) {
    return std::move(ElfMaker(is_64)
                         .load(0x10'0000, {1, 2, 3, 4}, 0x2000)
                         .load(0x20'0000, {5}, 1)
                         .entry_note(0x10'0040, is_64 ? 8 : 4));
}

ImageError parse(const std::vector<std::uint8_t>& file) {
    PvhImage image;
    return parse_pvh_image(file, image);
}

} // namespace

TEST_CASE("a plain image of either class parses", "[domain][pvh]") {
    const bool is_64 = GENERATE(false, true);
    const auto machine =
        GENERATE(std::uint16_t{3}, std::uint16_t{62}, std::uint16_t{183}); // EM_386, EM_X86_64, and one that is neither
    PvhImage image;
    REQUIRE(parse_pvh_image(simple(is_64).machine(machine).make(), image) == ImageError::none);
    REQUIRE(image.segment_count == 2);
    CHECK(image.entry == GuestPhys{0x10'0040});
    CHECK(image.segment[0].address == GuestPhys{0x10'0000});
    CHECK(image.segment[0].file_size == 4);
    CHECK(image.segment[0].memory_size == 0x2000);
    CHECK(image.segment[1].end() == 0x20'0001);
}

TEST_CASE("the entry note has 4 or 8 bytes in either class", "[domain][pvh]") {
    const bool is_64 = GENERATE(false, true);
    const unsigned width = GENERATE(4u, 8u);
    CHECK(parse(ElfMaker(is_64).load(0x10'0000, {1}, 16).entry_note(0x10'0000, width).make()) == ImageError::none);
    CHECK(parse(ElfMaker(is_64).load(0x10'0000, {1}, 16).entry_note(0x10'0000, 2).make()) == ImageError::bad_entry);
}

TEST_CASE("notes are found in sections when no segment has them", "[domain][pvh]") {
    const bool is_64 = GENERATE(false, true);
    PvhImage image;
    REQUIRE(parse_pvh_image(simple(is_64).notes(ElfMaker::Notes::section).make(), image) == ImageError::none);
    CHECK(image.entry == GuestPhys{0x10'0040});
    CHECK(parse(simple(is_64).notes(ElfMaker::Notes::none).make()) == ImageError::no_entry);
}

TEST_CASE("other notes before the entry note are skipped", "[domain][pvh]") {
    const auto file = ElfMaker(true)
                          .load(0x10'0000, {1}, 16)
                          .note(std::string("GNU\0", 4), 18, {0, 0, 0, 0}) // same type, other name
                          .note(std::string("Xen\0", 4), 6, {'l', 'i', 'n', 'u', 'x', 0})
                          .note("", 1, {})
                          .note(std::string("Xenon\0", 6), 18, {1, 2, 3, 4})
                          .entry_note(0x10'000f, 8)
                          .make();
    PvhImage image;
    REQUIRE(parse_pvh_image(file, image) == ImageError::none);
    CHECK(image.entry == GuestPhys{0x10'000f});
}

TEST_CASE("an entry outside the segments is refused", "[domain][pvh]") {
    const std::uint64_t entry = GENERATE(as<std::uint64_t>{}, 0, 0xf'ffff, 0x10'2000, 0xffff'ffff, 0x1'0010'0000);
    const auto file = ElfMaker(true).load(0x10'0000, {1}, 0x2000).entry_note(entry, 8).make();
    CHECK(parse(file) == ImageError::bad_entry);
}

TEST_CASE("a broken ELF file is refused with the reader's reason", "[domain][pvh]") {
    PvhImage image;
    CHECK(parse_pvh_image({}, image) == ImageError::bad_elf);
    CHECK(image.elf_error == ElfError::too_short);
    const ElfMaker maker = simple(true);
    auto file = maker.make();
    ElfMaker::poke(file, maker.program_header(0) + maker.field_offset(), ~std::uint64_t{0}, maker.word());
    CHECK(parse_pvh_image(file, image) == ImageError::bad_elf);
    CHECK(image.elf_error == ElfError::segment_outside_file);
    CHECK(image.segment_count == 0);
}

TEST_CASE("the number of segments is bounded", "[domain][pvh]") {
    ElfMaker maker(true);
    maker.entry_note(0x10'0000, 8);
    for (std::uint64_t i = 0; i < PvhImage::max_segments; ++i) {
        maker.load(0x10'0000 + i * 0x1000, {1}, 1);
    }
    CHECK(parse(maker.make()) == ImageError::none);
    maker.load(0x90'0000, {1}, 1);
    CHECK(parse(maker.make()) == ImageError::too_many_segments);
    CHECK(parse(ElfMaker(true).entry_note(0, 8).make()) == ImageError::no_segments);
}

TEST_CASE("a section table that lies is no section table", "[domain][pvh]") {
    const ElfMaker maker = simple(true).notes(ElfMaker::Notes::section);
    for (const std::uint64_t offset : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 32}) {
        auto file = maker.make();
        ElfMaker::poke(file, 40, offset, 8); // e_shoff
        CHECK(parse(file) == ImageError::no_entry);
    }
    auto file = maker.make();
    ElfMaker::poke(file, 60, 0xffff, 2); // e_shnum
    CHECK(parse(file) == ImageError::no_entry);
}

TEST_CASE("random damage never reads outside the file", "[domain][pvh]") {
    std::mt19937 random{20260101};
    for (int round = 0; round < 20000; ++round) {
        auto file =
            simple(round % 2 == 0).notes(round % 3 == 0 ? ElfMaker::Notes::section : ElfMaker::Notes::segment).make();
        for (unsigned hits = 1 + random() % 8; hits > 0; --hits) {
            file[random() % file.size()] = static_cast<std::uint8_t>(random());
        }
        if (random() % 4 == 0) {
            file.resize(random() % file.size());
        }
        file.shrink_to_fit();
        PvhImage image;
        if (parse_pvh_image(file, image) == ImageError::none) {
            for (const LoadSegment& segment : image.segments()) {
                REQUIRE(segment.file_offset + segment.file_size <= file.size());
                REQUIRE(segment.file_size <= segment.memory_size);
                REQUIRE(segment.end() >= segment.address.value);
            }
        }
    }
}
