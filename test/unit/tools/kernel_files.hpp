// SPDX-License-Identifier: Apache-2.0
// Makes small guest kernels and bzImages, right ones and wrong ones. It must not know: who reads them.
#pragma once

#include <elf.h>

#include <cstring>
#include <string>

#include "base/bytes.hpp"

namespace bulkhead::tools::test {

struct Elf32Layout {
    using Header = Elf32_Ehdr;
    using Program = Elf32_Phdr;
    using Section = Elf32_Shdr;
    static constexpr unsigned char ident_class = ELFCLASS32;
};
struct Elf64Layout {
    using Header = Elf64_Ehdr;
    using Program = Elf64_Phdr;
    using Section = Elf64_Shdr;
    static constexpr unsigned char ident_class = ELFCLASS64;
};

struct KernelShape {
    std::uint16_t type = ET_EXEC;
    std::uint16_t machine = EM_X86_64;
    std::uint64_t entry = 0x100010;
    std::string note_name = "Xen";
    std::uint32_t note_size = 8;
    bool note_in_section = false;
    std::uint64_t data_address = 0x200000; ///< of the second segment
};

/// Header, program headers, note: everything before the first segment's contents.
template <typename Layout>
inline constexpr std::size_t kernel_headers_end = sizeof(typename Layout::Header) +
                                                  3 * sizeof(typename Layout::Program) + 12 + 4 + 8;

/// Two segments (4 KiB at 1 MiB; 4 KiB of file and 8 KiB of memory at data_address) and a note.
template <typename Layout> Bytes make_kernel(const KernelShape& shape) {
    using Program = typename Layout::Program;
    constexpr std::size_t programs_at = sizeof(typename Layout::Header);
    constexpr std::size_t note_at = programs_at + 3 * sizeof(Program);
    constexpr std::size_t text_at = 4096;
    constexpr std::size_t data_at = 8192;
    constexpr std::size_t section_at = data_at + 4096;
    Bytes file(section_at + (shape.note_in_section ? sizeof(typename Layout::Section) : 0));
    const auto put = [&](std::size_t at, const auto& value) { std::memcpy(file.data() + at, &value, sizeof value); };

    typename Layout::Header header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = Layout::ident_class;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = shape.type;
    header.e_machine = shape.machine;
    header.e_version = EV_CURRENT;
    header.e_phoff = programs_at;
    header.e_phentsize = sizeof(Program);
    header.e_phnum = shape.note_in_section ? 2 : 3;
    header.e_ehsize = sizeof header;

    const auto load = [&](std::size_t index, std::size_t at, std::uint64_t address, unsigned memory_size) {
        Program program{};
        program.p_type = PT_LOAD;
        program.p_flags = PF_R | PF_X;
        program.p_offset = static_cast<decltype(program.p_offset)>(at);
        program.p_vaddr = static_cast<decltype(program.p_vaddr)>(address);
        program.p_paddr = program.p_vaddr;
        program.p_filesz = 4096;
        program.p_memsz = memory_size;
        program.p_align = 4096;
        put(programs_at + index * sizeof(Program), program);
    };
    load(0, text_at, 0x100000, 4096);
    load(1, data_at, shape.data_address, 8192);

    const Elf32_Nhdr note{static_cast<Elf32_Word>(shape.note_name.size() + 1), shape.note_size, 18};
    put(note_at, note);
    std::memcpy(file.data() + note_at + sizeof note, shape.note_name.data(), shape.note_name.size());
    put(note_at + sizeof note + 4, shape.entry);
    if (shape.note_in_section) {
        typename Layout::Section section{};
        section.sh_type = SHT_NOTE;
        section.sh_offset = note_at;
        section.sh_size = 12 + 4 + 8;
        section.sh_addralign = 4;
        header.e_shoff = section_at;
        header.e_shnum = 1;
        header.e_shentsize = sizeof section;
        put(section_at, section);
    } else {
        Program program{};
        program.p_type = PT_NOTE;
        program.p_offset = note_at;
        program.p_filesz = 12 + 4 + 8;
        program.p_memsz = program.p_filesz;
        program.p_align = 4;
        put(programs_at + 2 * sizeof(Program), program);
    }
    put(0, header);
    for (std::size_t i = text_at; i < section_at; ++i) {
        file[i] = static_cast<std::byte>(i * 7);
    }
    return file;
}

inline constexpr std::size_t bzimage_setup_sectors = 3;
inline constexpr std::size_t bzimage_payload_offset = 0x40;
inline constexpr std::size_t bzimage_payload_at = (bzimage_setup_sectors + 1) * 512 + bzimage_payload_offset;

/// The least that is a bzImage (boot protocol 2.15) around a payload.
inline Bytes make_bzimage(const Bytes& payload, std::uint32_t size, bool append_size) {
    Bytes file(bzimage_payload_at);
    file.insert(file.end(), payload.begin(), payload.end());
    if (append_size) {
        const auto* bytes = reinterpret_cast<const std::byte*>(&size);
        file.insert(file.end(), bytes, bytes + sizeof size);
    }
    const auto length = static_cast<std::uint32_t>(file.size() - bzimage_payload_at);
    file.resize((file.size() + 15) / 16 * 16);
    const auto put = [&](std::size_t at, const auto& value) { std::memcpy(file.data() + at, &value, sizeof value); };
    put(0x1f1, static_cast<std::uint8_t>(bzimage_setup_sectors));
    put(0x1f4, static_cast<std::uint32_t>((file.size() - (bzimage_setup_sectors + 1) * 512) / 16));
    put(0x1fe, std::uint16_t{0xaa55});
    put(0x202, std::uint32_t{0x53726448});
    put(0x206, std::uint16_t{0x020f});
    put(0x248, static_cast<std::uint32_t>(bzimage_payload_offset));
    put(0x24c, length);
    return file;
}

} // namespace bulkhead::tools::test
