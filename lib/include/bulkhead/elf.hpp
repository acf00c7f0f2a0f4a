// SPDX-License-Identifier: Apache-2.0
// A checked view of an ELF file's header, segments and notes (System V ABI, "Object Files"), ELF32 and ELF64. The file
// is hostile: every offset and size is checked before it is used, arithmetic cannot wrap, loops are bounded. It must
// not know: what the segments are for, nor which machine may run them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead {

enum class ElfError : std::uint8_t {
    none,
    too_short, ///< ends within the header
    not_elf,   ///< no magic number, or an unknown version
    not_little_endian,
    bad_class,         ///< neither ELF32 nor ELF64
    not_executable,    ///< e_type is not ET_EXEC (or ET_DYN, where the caller takes it)
    bad_segment_table, ///< program headers of the wrong size, outside the file, or none
    too_many_segments,
    segment_outside_file,
    segment_shrinks, ///< more bytes in the file than in memory
    segment_wraps,   ///< runs over the end of the address space
    count
};
std::string_view to_string(ElfError error);

struct ElfSegment {
    std::uint32_t type; ///< elf::pt_*
    bool readable, writable, executable;
    std::uint64_t file_offset, file_bytes;
    std::uint64_t virtual_address, physical_address, memory_bytes;
    std::uint64_t alignment;
};

namespace elf {
inline constexpr std::uint32_t pt_load = 1;
inline constexpr std::uint32_t pt_dynamic = 2;
inline constexpr std::uint32_t pt_interp = 3;
inline constexpr std::uint32_t pt_note = 4;
inline constexpr std::uint16_t type_executable = 2;
inline constexpr std::uint16_t type_shared = 3;
inline constexpr std::uint16_t machine_386 = 3;
inline constexpr std::uint16_t machine_x86_64 = 62;
} // namespace elf

/// A program for a component: nothing but a view of `file`, which must stay.
class ElfImage {
public:
    static constexpr std::uint32_t max_segments = 64;
    static constexpr std::uint32_t max_notes = 256; ///< looked at per note segment or section
    static constexpr std::uint32_t max_sections = 512;

    /// Checks everything that the accessors rely on.
    [[nodiscard]] static ElfError parse(std::span<const std::uint8_t> file, ElfImage& image,
                                        bool shared_allowed = false);

    bool is_64() const { return is_64_; }
    std::uint16_t machine() const { return machine_; }
    std::uint64_t entry() const { return entry_; }
    std::uint32_t segment_count() const { return segment_count_; }
    /// i below segment_count().
    ElfSegment segment(std::uint32_t i) const;
    /// The segment's bytes in the file; empty if they do not lie in it.
    std::span<const std::uint8_t> contents(const ElfSegment& segment) const;
    /// The description of the first note with that owner and type in a PT_NOTE segment or, if there is none, in a
    /// SHT_NOTE section; `found` false if there is none either.
    std::span<const std::uint8_t> find_note(std::string_view owner, std::uint32_t type, bool& found) const;

private:
    struct NoteRange {
        std::uint64_t offset, bytes, alignment;
    };
    std::span<const std::uint8_t> find_note_in(const NoteRange& notes, std::string_view owner, std::uint32_t type,
                                               bool& found) const;
    std::span<const std::uint8_t> find_note_in_sections(std::string_view owner, std::uint32_t type, bool& found) const;
    std::uint64_t field(std::uint64_t at, std::uint32_t bytes) const;
    [[nodiscard]] ElfError parse_header(bool shared_allowed);
    [[nodiscard]] ElfError check_segment(const ElfSegment& segment) const;

    std::span<const std::uint8_t> file_{};
    std::uint64_t entry_{0};
    std::uint64_t table_offset_{0};
    std::uint32_t segment_count_{0};
    std::uint16_t machine_{0};
    bool is_64_{false};
};

} // namespace bulkhead
