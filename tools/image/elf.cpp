// SPDX-License-Identifier: Apache-2.0
#include "image/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

constexpr std::size_t max_program_headers = 128;
constexpr std::size_t max_section_headers = 65536;
constexpr std::uint64_t page = 4096;

struct Elf32 {
    using Header = Elf32_Ehdr;
    using Program = Elf32_Phdr;
    using Section = Elf32_Shdr;
    static constexpr unsigned char ident_class = ELFCLASS32;
};
struct Elf64 {
    using Header = Elf64_Ehdr;
    using Program = Elf64_Phdr;
    using Section = Elf64_Shdr;
    static constexpr unsigned char ident_class = ELFCLASS64;
};

constexpr std::uint64_t note_alignment(std::uint64_t declared) {
    return declared == 8 ? 8 : 4;
}

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

template <typename Class>
std::optional<Failure> read_segments(ByteView file, const typename Class::Header& header, ElfImage& image) {
    if (header.e_phentsize != sizeof(typename Class::Program) || header.e_phnum == 0 ||
        header.e_phnum > max_program_headers) {
        return Failure{fmt::format("its ELF header speaks of {} program headers of {} bytes, expected 1 to {} of {}",
                                   header.e_phnum, header.e_phentsize, max_program_headers,
                                   sizeof(typename Class::Program))};
    }
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        const auto program =
            read<typename Class::Program>(file, std::uint64_t{header.e_phoff} + i * sizeof(typename Class::Program));
        if (!program) {
            return Failure{"its program headers lie outside the file"};
        }
        const auto contents = part(file, program->p_offset, program->p_filesz);
        if (program->p_type == PT_NOTE && contents) {
            image.notes.push_back({*contents, note_alignment(program->p_align)});
        }
        if (program->p_type != PT_LOAD || program->p_memsz == 0) {
            continue;
        }
        if (!contents) {
            return Failure{fmt::format("it is cut short: segment {} is {} bytes at {}, the file has {} bytes", i,
                                       program->p_filesz, program->p_offset, file.size())};
        }
        if (program->p_filesz > program->p_memsz) {
            return Failure{fmt::format("segment {} is longer in the file ({} bytes) than in memory ({})", i,
                                       program->p_filesz, program->p_memsz)};
        }
        const std::uint64_t physical = program->p_paddr;
        if (physical + program->p_memsz < physical ||
            std::uint64_t{program->p_vaddr} + program->p_memsz < program->p_vaddr) {
            return Failure{fmt::format("segment {} wraps round the end of the address space", i)};
        }
        image.segments.push_back(
            {program->p_offset, program->p_vaddr, physical, program->p_filesz, program->p_memsz, program->p_flags});
    }
    return std::nullopt;
}

/// Xen's loader looks for notes in sections when there is no note segment.
template <typename Class>
void read_note_sections(ByteView file, const typename Class::Header& header, ElfImage& image) {
    if (header.e_shentsize != sizeof(typename Class::Section) || header.e_shnum > max_section_headers) {
        return;
    }
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
        const auto section =
            read<typename Class::Section>(file, std::uint64_t{header.e_shoff} + i * sizeof(typename Class::Section));
        if (!section) {
            return;
        }
        const auto contents = part(file, section->sh_offset, section->sh_size);
        if (section->sh_type == SHT_NOTE && contents) {
            image.notes.push_back({*contents, note_alignment(section->sh_addralign)});
        }
    }
}

template <typename Class> Outcome<ElfImage> read_class(ByteView file) {
    const auto header = read<typename Class::Header>(file, 0);
    if (!header) {
        return Failure{"it is cut short within its ELF header"};
    }
    if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_version != EV_CURRENT) {
        return Failure{"it is not a little-endian ELF file of version 1"};
    }
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
        return Failure{fmt::format("it is an ELF file but no executable (type {}, expected 2 or 3)", header->e_type)};
    }
    ElfImage image;
    image.is_64 = Class::ident_class == ELFCLASS64;
    image.type = header->e_type;
    image.machine = header->e_machine;
    image.entry = header->e_entry;
    if (auto failure = read_segments<Class>(file, *header, image)) {
        return std::move(*failure);
    }
    if (image.segments.empty()) {
        return Failure{"it has no segment to load"};
    }
    if (image.notes.empty()) {
        read_note_sections<Class>(file, *header, image);
    }
    return image;
}

template <typename Class>
void fill_program(typename Class::Program& program, std::uint32_t type, const ElfSegment& segment) {
    program = {};
    program.p_type = type;
    program.p_flags = segment.flags;
    program.p_offset = static_cast<decltype(program.p_offset)>(segment.file_offset);
    program.p_vaddr = static_cast<decltype(program.p_vaddr)>(segment.virtual_address);
    program.p_paddr = static_cast<decltype(program.p_paddr)>(segment.physical_address);
    program.p_filesz = static_cast<decltype(program.p_filesz)>(segment.file_size);
    program.p_memsz = static_cast<decltype(program.p_memsz)>(segment.memory_size);
    program.p_align = page;
}

template <typename Class> typename Class::Header make_header(const ElfImage& image, std::size_t programs) {
    typename Class::Header header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = Class::ident_class;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = image.type;
    header.e_machine = image.machine;
    header.e_version = EV_CURRENT;
    header.e_entry = static_cast<decltype(header.e_entry)>(image.entry);
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(typename Class::Program);
    header.e_phnum = static_cast<decltype(header.e_phnum)>(programs);
    return header;
}

template <typename Class> Bytes write_class(const ElfImage& image, ByteView file) {
    std::vector<typename Class::Program> programs(image.segments.size() + image.notes.size());
    std::vector<ByteView> contents;
    std::uint64_t end = sizeof(typename Class::Header) + programs.size() * sizeof(typename Class::Program);
    for (const ElfSegment& segment : image.segments) {
        ElfSegment moved = segment;
        moved.file_offset = align_up(end, page) + moved.virtual_address % page;
        end = moved.file_offset + moved.file_size;
        fill_program<Class>(programs[contents.size()], PT_LOAD, moved);
        contents.push_back(file.subspan(segment.file_offset, segment.file_size));
    }
    for (const ElfNotes& notes : image.notes) {
        const std::uint64_t size = notes.contents.size();
        const ElfSegment moved{align_up(end, notes.alignment), 0, 0, size, size, PF_R};
        end = moved.file_offset + size;
        fill_program<Class>(programs[contents.size()], PT_NOTE, moved);
        programs[contents.size()].p_align = static_cast<decltype(programs[0].p_align)>(notes.alignment);
        contents.push_back(notes.contents);
    }
    const auto header = make_header<Class>(image, programs.size());
    Bytes out(end);
    std::memcpy(out.data(), &header, sizeof header);
    std::memcpy(out.data() + sizeof header, programs.data(), programs.size() * sizeof programs[0]);
    for (std::size_t i = 0; i < contents.size(); ++i) {
        std::copy(contents[i].begin(), contents[i].end(),
                  out.begin() + static_cast<std::ptrdiff_t>(programs[i].p_offset));
    }
    return out;
}

/// The descriptor of the first note of that name and type; "note" is the layout of <elf.h>'s Elf32_Nhdr for both
/// classes.
std::optional<ByteView> find_note(const ElfNotes& all, std::string_view name, std::uint32_t type) {
    const ByteView notes = all.contents;
    std::uint64_t at = 0;
    while (const auto header = read<Elf32_Nhdr>(notes, at)) {
        const std::uint64_t name_at = at + sizeof(Elf32_Nhdr);
        const std::uint64_t value_at =
            at + align_up(sizeof(Elf32_Nhdr) + std::uint64_t{header->n_namesz}, all.alignment);
        const auto name_bytes = part(notes, name_at, header->n_namesz);
        const auto value = part(notes, value_at, header->n_descsz);
        if (!name_bytes || !value) {
            return std::nullopt;
        }
        const std::string_view found{reinterpret_cast<const char*>(name_bytes->data()), name_bytes->size()};
        if (header->n_type == type && found.size() == name.size() + 1 && found.starts_with(name) &&
            found.back() == '\0') {
            return value;
        }
        at = value_at + align_up(header->n_descsz, all.alignment);
    }
    return std::nullopt;
}

} // namespace

bool is_elf(ByteView file) {
    return file.size() >= SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0;
}

Outcome<ElfImage> read_elf(ByteView file) {
    if (!is_elf(file) || file.size() <= EI_CLASS) {
        return Failure{"it is not an ELF file"};
    }
    const auto ident_class = std::to_integer<unsigned char>(file[EI_CLASS]);
    if (ident_class == ELFCLASS32) {
        return read_class<Elf32>(file);
    }
    if (ident_class == ELFCLASS64) {
        return read_class<Elf64>(file);
    }
    return Failure{fmt::format("it is an ELF file of class {}, expected 1 (32-bit) or 2 (64-bit)", ident_class)};
}

Outcome<std::uint64_t> find_pvh_entry(const ElfImage& image) {
    constexpr std::uint32_t phys32_entry = 18; // XEN_ELFNOTE_PHYS32_ENTRY, xen/elfnote.h
    for (const ElfNotes& notes : image.notes) {
        const auto value = find_note(notes, "Xen", phys32_entry);
        if (!value) {
            continue;
        }
        if (value->size() == 4) {
            return std::uint64_t{*read<std::uint32_t>(*value, 0)};
        }
        if (value->size() == 8) {
            return *read<std::uint64_t>(*value, 0);
        }
        return Failure{fmt::format("its PHYS32_ENTRY note holds {} bytes, expected 4 or 8", value->size())};
    }
    return Failure{"it has no PVH entry (an ELF note \"Xen\" of type 18, PHYS32_ENTRY): for Linux, CONFIG_PVH and "
                   "CONFIG_XEN_PVH make one"};
}

Bytes write_elf(const ElfImage& image, ByteView file) {
    return image.is_64 ? write_class<Elf64>(image, file) : write_class<Elf32>(image, file);
}

} // namespace bulkhead::tools
