// SPDX-License-Identifier: Apache-2.0
// ELF files, good, bad and random.
// REQ-LIB-001
#include <catch2/catch.hpp>

#include <cstring>
#include <elf.h>
#include <random>
#include <vector>

#include <bulkhead/elf.hpp>

using namespace bulkhead;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// A file with a loadable segment of `text` and a note "Xen", type 18, of four bytes.
template <typename Ehdr, typename Phdr> Bytes make_file(std::uint8_t elf_class) {
    const std::uint8_t note[] = {4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 'X', 'e', 'n', 0, 0x78, 0x56, 0x34, 0x12};
    Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = elf_class;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x401234;
    header.e_phoff = sizeof(Ehdr);
    header.e_ehsize = sizeof(Ehdr);
    header.e_phentsize = sizeof(Phdr);
    header.e_phnum = 2;
    Phdr load{};
    load.p_type = PT_LOAD;
    load.p_flags = PF_R | PF_X;
    load.p_offset = 0x200;
    load.p_vaddr = 0x401000;
    load.p_paddr = 0x101000;
    load.p_filesz = 16;
    load.p_memsz = 0x2000;
    load.p_align = 0x1000;
    Phdr notes{};
    notes.p_type = PT_NOTE;
    notes.p_flags = PF_R;
    notes.p_offset = 0x300;
    notes.p_filesz = notes.p_memsz = sizeof note;
    notes.p_align = 4;
    Bytes file(0x400);
    std::memcpy(file.data(), &header, sizeof header);
    std::memcpy(file.data() + sizeof header, &load, sizeof load);
    std::memcpy(file.data() + sizeof header + sizeof load, &notes, sizeof notes);
    std::memset(file.data() + 0x200, 0x90, 16);
    std::memcpy(file.data() + 0x300, note, sizeof note);
    return file;
}
Bytes file64() {
    return make_file<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64);
}
Bytes file32() {
    return make_file<Elf32_Ehdr, Elf32_Phdr>(ELFCLASS32);
}
Elf64_Ehdr& header(Bytes& file) {
    return *reinterpret_cast<Elf64_Ehdr*>(file.data());
}
Elf64_Phdr& segment(Bytes& file, std::size_t i) {
    return reinterpret_cast<Elf64_Phdr*>(file.data() + sizeof(Elf64_Ehdr))[i];
}
ElfError parse(const Bytes& file) {
    ElfImage image;
    return ElfImage::parse(file, image);
}

} // namespace

TEST_CASE("both classes are read alike", "[lib]") {
    for (const bool wide : {false, true}) {
        const Bytes file = wide ? file64() : file32();
        ElfImage image;
        REQUIRE(ElfImage::parse(file, image) == ElfError::none);
        CHECK(image.is_64() == wide);
        CHECK(image.entry() == 0x401234);
        CHECK(image.machine() == elf::machine_x86_64);
        REQUIRE(image.segment_count() == 2);
        const ElfSegment load = image.segment(0);
        CHECK(load.type == elf::pt_load);
        CHECK((load.readable && !load.writable && load.executable));
        CHECK(load.virtual_address == 0x401000);
        CHECK(load.physical_address == 0x101000);
        CHECK(load.memory_bytes == 0x2000);
        CHECK(image.contents(load).size() == 16);
        CHECK(image.contents(load)[0] == 0x90);
        bool found = false;
        const auto note = image.find_note("Xen", 18, found);
        REQUIRE(found);
        CHECK(std::vector(note.begin(), note.end()) == Bytes{0x78, 0x56, 0x34, 0x12});
        image.find_note("Xen", 17, found);
        CHECK_FALSE(found);
        image.find_note("Xe", 18, found);
        CHECK_FALSE(found);
    }
}

TEST_CASE("each mistake has its name", "[lib]") {
    CHECK(parse({}) == ElfError::too_short);
    const auto with = [](auto change) {
        Bytes file = file64();
        change(file);
        return parse(file);
    };
    CHECK(with([](Bytes& f) { f.resize(60); }) == ElfError::too_short);
    CHECK(with([](Bytes& f) { f[0] = 0; }) == ElfError::not_elf);
    CHECK(with([](Bytes& f) { f[EI_CLASS] = 3; }) == ElfError::bad_class);
    CHECK(with([](Bytes& f) { f[EI_DATA] = ELFDATA2MSB; }) == ElfError::not_little_endian);
    CHECK(with([](Bytes& f) { header(f).e_version = 2; }) == ElfError::not_elf);
    CHECK(with([](Bytes& f) { header(f).e_type = ET_DYN; }) == ElfError::not_executable);
    CHECK(with([](Bytes& f) { header(f).e_phnum = 0; }) == ElfError::bad_segment_table);
    CHECK(with([](Bytes& f) { header(f).e_phnum = 65; }) == ElfError::too_many_segments);
    CHECK(with([](Bytes& f) { header(f).e_phentsize = 55; }) == ElfError::bad_segment_table);
    CHECK(with([](Bytes& f) { header(f).e_phoff = ~0ull - 50; }) == ElfError::bad_segment_table);
    CHECK(with([](Bytes& f) { segment(f, 0).p_offset = ~0ull - 8; }) == ElfError::segment_outside_file);
    CHECK(with([](Bytes& f) { segment(f, 0).p_filesz = 0x201; }) == ElfError::segment_outside_file);
    CHECK(with([](Bytes& f) { segment(f, 1).p_filesz = 0x101; }) == ElfError::segment_outside_file);
    CHECK(with([](Bytes& f) { segment(f, 0).p_memsz = 15; }) == ElfError::segment_shrinks);
    CHECK(with([](Bytes& f) { segment(f, 0).p_vaddr = ~0ull - 0x1000; }) == ElfError::segment_wraps);
    CHECK(with([](Bytes& f) { segment(f, 0).p_paddr = ~0ull - 0x1000; }) == ElfError::segment_wraps);
    Bytes shared = file64();
    header(shared).e_type = ET_DYN;
    ElfImage image;
    CHECK(ElfImage::parse(shared, image, true) == ElfError::none);
    for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(ElfError::count); ++i) {
        CHECK_FALSE(to_string(static_cast<ElfError>(i)).empty());
    }
}

TEST_CASE("notes that reach beyond their segment are not followed", "[lib]") {
    for (const std::size_t field : {0u, 4u}) {
        for (const std::uint32_t size : {0x1000u, 0xffff'fff0u, 0xffff'ffffu}) {
            Bytes file = file64();
            std::memcpy(file.data() + 0x300 + field, &size, sizeof size);
            ElfImage image;
            REQUIRE(ElfImage::parse(file, image) == ElfError::none);
            bool found = true;
            CHECK(image.find_note("Xen", 18, found).empty());
            CHECK_FALSE(found);
        }
    }
}

TEST_CASE("no file, however broken, is read outside its bytes", "[lib]") {
    std::mt19937 random{7};
    std::uint64_t accepted = 0;
    for (int round = 0; round < 40'000; ++round) {
        Bytes file = round % 2 == 0 ? file64() : file32();
        for (std::uint64_t i = random() % 6; i-- > 0;) {
            file[random() % 0x120] = static_cast<std::uint8_t>(random());
        }
        if (random() % 4 == 0) {
            file[0x300 + random() % 20] = static_cast<std::uint8_t>(random());
        }
        if (random() % 4 == 0) {
            file.resize(random() % file.size());
        }
        file.shrink_to_fit(); // the sanitizer sees an access beyond the end
        ElfImage image;
        if (ElfImage::parse(file, image, true) != ElfError::none) {
            CHECK(image.segment_count() == 0);
            continue;
        }
        ++accepted;
        std::uint64_t sum = 0;
        for (std::uint32_t i = 0; i < image.segment_count(); ++i) {
            for (const std::uint8_t byte : image.contents(image.segment(i))) {
                sum += byte;
            }
        }
        bool found = false;
        for (const std::uint8_t byte : image.find_note("Xen", 18, found)) {
            sum += byte;
        }
        REQUIRE(sum < ~0ull);
    }
    CHECK(accepted > 1000);
}
