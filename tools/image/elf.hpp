// SPDX-License-Identifier: Apache-2.0
// Reads ELF executables of either class, and writes the least that a loader needs of one: header, segments, notes.
// The input is hostile. It must not know: where the image will be loaded.
#pragma once

#include <optional>

#include "base/bytes.hpp"

namespace bulkhead::tools {

struct ElfSegment {
    std::uint64_t file_offset{0};
    std::uint64_t virtual_address{0};
    std::uint64_t physical_address{0};
    std::uint64_t file_size{0};
    std::uint64_t memory_size{0};
    std::uint32_t flags{0};

    std::uint64_t physical_end() const { return physical_address + memory_size; }
};

struct ElfNotes {
    ByteView contents;
    std::uint64_t alignment{4}; ///< of names and values: 4, or 8
};

struct ElfImage {
    bool is_64{true};
    std::uint16_t type{0};
    std::uint16_t machine{0};
    std::uint64_t entry{0};
    std::vector<ElfSegment> segments; ///< PT_LOAD with memory_size > 0, all within the file
    std::vector<ElfNotes> notes;      ///< PT_NOTE segments, or SHT_NOTE sections if there are none
};

bool is_elf(ByteView file);
/// Views into `file`. Every segment lies within the file and its addresses do not wrap.
Outcome<ElfImage> read_elf(ByteView file);

/// The entry point that a Xen PHYS32_ENTRY note names: 32-bit protected mode, physical.
Outcome<std::uint64_t> find_pvh_entry(const ElfImage& image);

/// An ELF file of the same class with nothing but the image's segments and notes. File offsets of segments are
/// congruent to their virtual addresses modulo 4096.
Bytes write_elf(const ElfImage& image, ByteView file);

} // namespace bulkhead::tools
