// SPDX-License-Identifier: Apache-2.0
#include "entry/root_image.hpp"

namespace bulkhead::kernel {

namespace {

// System V ABI, "Object Files": ELF64.
struct ElfHeader {
    std::uint8_t ident[16];
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint64_t entry, phoff, shoff;
    std::uint32_t flags;
    std::uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(ElfHeader) == 64);

struct ProgramHeader {
    std::uint32_t type, flags;
    std::uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr std::uint32_t pt_load = 1;
constexpr std::uint16_t machine_x86_64 = 62;
constexpr std::uint16_t type_executable = 2;
constexpr std::uint16_t max_program_headers = 16;
constexpr std::uint64_t max_segment = std::uint64_t{64} << 20;

bool inside(std::uint64_t offset, std::uint64_t length, std::uint64_t limit) {
    return offset <= limit && length <= limit - offset;
}

bool valid(const ElfHeader& h) {
    return h.ident[0] == 0x7f && h.ident[1] == 'E' && h.ident[2] == 'L' && h.ident[3] == 'F' && h.ident[4] == 2 &&
           h.ident[5] == 1 && h.machine == machine_x86_64 && h.type == type_executable &&
           h.phentsize == sizeof(ProgramHeader) && h.phnum <= max_program_headers && h.entry < user_end;
}

bool add_segment(RootImage& image, const ProgramHeader& p, std::uint64_t file_bytes) {
    constexpr std::uint32_t execute = 1, write = 2, read = 4;
    if (image.count == RootImage::max_segments || p.vaddr % page_size != 0 || p.filesz > p.memsz ||
        p.memsz > max_segment || !inside(p.offset, p.filesz, file_bytes) || !inside(p.vaddr, p.memsz, user_end) ||
        (p.flags & read) == 0 || (p.flags & (write | execute)) == (write | execute)) {
        return false;
    }
    Rights rights = Rights::read;
    rights = (p.flags & write) != 0 ? rights | Rights::write : rights;
    rights = (p.flags & execute) != 0 ? rights | Rights::execute : rights;
    const std::uint64_t bytes = (p.memsz + page_size - 1) & ~(page_size - 1);
    image.segments[image.count++] = {p.offset, p.filesz, p.vaddr, bytes, rights};
    return true;
}

} // namespace

bool read_root_image(const void* file, std::uint64_t bytes, RootImage& image) {
    ElfHeader header;
    if (bytes < sizeof header) {
        return false;
    }
    __builtin_memcpy(&header, file, sizeof header);
    if (!valid(header) || !inside(header.phoff, std::uint64_t{header.phnum} * sizeof(ProgramHeader), bytes)) {
        return false;
    }
    image.entry = header.entry;
    for (std::uint16_t i = 0; i < header.phnum; ++i) {
        ProgramHeader p;
        __builtin_memcpy(&p, static_cast<const std::uint8_t*>(file) + header.phoff + i * sizeof p, sizeof p);
        if (p.type == pt_load && p.memsz != 0 && !add_segment(image, p, bytes)) {
            return false;
        }
    }
    return image.count != 0;
}

} // namespace bulkhead::kernel
