// SPDX-License-Identifier: Apache-2.0
// Reads ELF headers field by field at the offsets that the System V ABI gives, so that neither alignment nor the width
// of the file matters. It must not know: who asks.
#include <bulkhead/elf.hpp>

#include <iterator>

namespace bulkhead {
namespace {

// Offsets and sizes of the fields that are read: one column per class (figures 4-3 and 5-1 of the gABI).
struct HeaderLayout {
    std::uint32_t header_bytes, address_bytes, entry, table_offset, entry_size, entry_count, segment_bytes;
};
constexpr HeaderLayout header32{52, 4, 24, 28, 42, 44, 32};
constexpr HeaderLayout header64{64, 8, 24, 32, 54, 56, 56};
constexpr std::uint32_t type_at = 16, machine_at = 18, version_at = 20;

struct SegmentLayout {
    std::uint32_t type, flags, offset, virtual_address, physical_address, file_bytes, memory_bytes, alignment;
};
constexpr SegmentLayout segment32{0, 24, 4, 8, 12, 16, 20, 28};
constexpr SegmentLayout segment64{0, 4, 8, 16, 24, 32, 40, 48};
// Sections: the table's fields in the file header, then a section header's (figure 4-8).
struct SectionLayout {
    std::uint32_t table_offset, table_entry_size, table_entries, address_bytes, section_bytes;
    std::uint32_t type, offset, size, alignment;
};
constexpr SectionLayout section32{32, 46, 48, 4, 40, 4, 16, 20, 32};
constexpr SectionLayout section64{40, 58, 60, 8, 64, 4, 24, 32, 48};
constexpr std::uint64_t section_type_note = 7;
constexpr std::uint64_t flag_execute = 1, flag_write = 2, flag_read = 4;

constexpr std::uint8_t class_32 = 1, class_64 = 2, data_little_endian = 1, version_current = 1;

constexpr bool lies_within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) {
    return offset <= size && bytes <= size - offset;
}
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

} // namespace

std::string_view to_string(ElfError error) {
    constexpr std::string_view names[] = {"no error",
                                          "too short for an ELF header",
                                          "not an ELF file",
                                          "not little-endian",
                                          "neither ELF32 nor ELF64",
                                          "not an executable",
                                          "bad program header table",
                                          "too many segments",
                                          "a segment lies outside the file",
                                          "a segment is larger in the file than in memory",
                                          "a segment runs over the end of the address space"};
    static_assert(std::size(names) == static_cast<std::size_t>(ElfError::count));
    return error < ElfError::count ? names[static_cast<std::size_t>(error)] : "unknown";
}

/// A little-endian number; 0 if it is not in the file.
std::uint64_t ElfImage::field(std::uint64_t at, std::uint32_t bytes) const {
    if (!lies_within(at, bytes, file_.size())) {
        return 0;
    }
    std::uint64_t value = 0;
    for (std::uint32_t i = 0; i < bytes; ++i) {
        value |= std::uint64_t{file_[at + i]} << (8 * i);
    }
    return value;
}

ElfError ElfImage::parse(std::span<const std::uint8_t> file, ElfImage& image, bool shared_allowed) {
    image = ElfImage{};
    image.file_ = file;
    if (const ElfError error = image.parse_header(shared_allowed); error != ElfError::none) {
        image = ElfImage{};
        return error;
    }
    for (std::uint32_t i = 0; i < image.segment_count_; ++i) {
        if (const ElfError error = image.check_segment(image.segment(i)); error != ElfError::none) {
            image = ElfImage{};
            return error;
        }
    }
    return ElfError::none;
}

ElfError ElfImage::parse_header(bool shared_allowed) {
    constexpr std::uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
    if (file_.size() < header32.header_bytes) {
        return ElfError::too_short;
    }
    for (std::size_t i = 0; i < std::size(magic); ++i) {
        if (file_[i] != magic[i]) {
            return ElfError::not_elf;
        }
    }
    if (file_[4] != class_32 && file_[4] != class_64) {
        return ElfError::bad_class;
    }
    if (file_[5] != data_little_endian) {
        return ElfError::not_little_endian;
    }
    is_64_ = file_[4] == class_64;
    const HeaderLayout& layout = is_64_ ? header64 : header32;
    if (file_.size() < layout.header_bytes) {
        return ElfError::too_short;
    }
    if (file_[6] != version_current || field(version_at, 4) != version_current) {
        return ElfError::not_elf;
    }
    const std::uint64_t type = field(type_at, 2);
    if (type != elf::type_executable && !(shared_allowed && type == elf::type_shared)) {
        return ElfError::not_executable;
    }
    machine_ = static_cast<std::uint16_t>(field(machine_at, 2));
    entry_ = field(layout.entry, layout.address_bytes);
    table_offset_ = field(layout.table_offset, layout.address_bytes);
    const std::uint64_t count = field(layout.entry_count, 2);
    if (field(layout.entry_size, 2) != layout.segment_bytes || count == 0) {
        return ElfError::bad_segment_table;
    }
    if (count > max_segments) {
        return ElfError::too_many_segments;
    }
    if (!lies_within(table_offset_, count * layout.segment_bytes, file_.size())) {
        return ElfError::bad_segment_table;
    }
    segment_count_ = static_cast<std::uint32_t>(count);
    return ElfError::none;
}

ElfSegment ElfImage::segment(std::uint32_t i) const {
    const HeaderLayout& header = is_64_ ? header64 : header32;
    const SegmentLayout& layout = is_64_ ? segment64 : segment32;
    const std::uint64_t at = table_offset_ + std::uint64_t{i} * header.segment_bytes;
    const std::uint32_t wide = header.address_bytes;
    const std::uint64_t flags = field(at + layout.flags, 4);
    ElfSegment result{};
    result.type = static_cast<std::uint32_t>(field(at + layout.type, 4));
    result.readable = (flags & flag_read) != 0;
    result.writable = (flags & flag_write) != 0;
    result.executable = (flags & flag_execute) != 0;
    result.file_offset = field(at + layout.offset, wide);
    result.file_bytes = field(at + layout.file_bytes, wide);
    result.virtual_address = field(at + layout.virtual_address, wide);
    result.physical_address = field(at + layout.physical_address, wide);
    result.memory_bytes = field(at + layout.memory_bytes, wide);
    result.alignment = field(at + layout.alignment, wide);
    return result;
}

ElfError ElfImage::check_segment(const ElfSegment& segment) const {
    const bool used = segment.type == elf::pt_load || segment.type == elf::pt_note;
    if (!used) {
        return ElfError::none; // nothing looks at it
    }
    if (!lies_within(segment.file_offset, segment.file_bytes, file_.size())) {
        return ElfError::segment_outside_file;
    }
    if (segment.type != elf::pt_load) {
        return ElfError::none;
    }
    if (segment.file_bytes > segment.memory_bytes) {
        return ElfError::segment_shrinks;
    }
    const std::uint64_t end = is_64_ ? ~std::uint64_t{0} : std::uint64_t{1} << 32;
    if (!lies_within(segment.virtual_address, segment.memory_bytes, end) ||
        !lies_within(segment.physical_address, segment.memory_bytes, end)) {
        return ElfError::segment_wraps;
    }
    return ElfError::none;
}

std::span<const std::uint8_t> ElfImage::contents(const ElfSegment& segment) const {
    if (!lies_within(segment.file_offset, segment.file_bytes, file_.size())) {
        return {};
    }
    return file_.subspan(segment.file_offset, segment.file_bytes);
}

std::span<const std::uint8_t> ElfImage::find_note_in(const NoteRange& notes, std::string_view owner, std::uint32_t type,
                                                     bool& found) const {
    constexpr std::uint32_t note_header = 12; // namesz, descsz, type
    if (!lies_within(notes.offset, notes.bytes, file_.size())) {
        return {};
    }
    const std::uint64_t alignment = notes.alignment == 8 ? 8 : 4;
    std::uint64_t at = 0; // relative to the range, as the alignment of notes is
    for (std::uint32_t n = 0; n < max_notes && lies_within(at, note_header, notes.bytes); ++n) {
        const std::uint64_t name_bytes = field(notes.offset + at, 4);
        const std::uint64_t description_bytes = field(notes.offset + at + 4, 4);
        const std::uint64_t name_at = at + note_header;
        const std::uint64_t description_at = round_up(name_at + name_bytes, alignment);
        if (!lies_within(name_at, name_bytes, notes.bytes) ||
            !lies_within(description_at, description_bytes, notes.bytes)) {
            break;
        }
        const auto* name = reinterpret_cast<const char*>(file_.data() + notes.offset + name_at);
        // The name's size counts its NUL.
        const bool same_owner = name_bytes == owner.size() + 1 && name[owner.size()] == '\0' &&
                                std::string_view{name, owner.size()} == owner;
        if (same_owner && field(notes.offset + at + 8, 4) == type) {
            found = true;
            return file_.subspan(notes.offset + description_at, description_bytes);
        }
        at = round_up(description_at + description_bytes, alignment);
    }
    return {};
}

std::span<const std::uint8_t> ElfImage::find_note(std::string_view owner, std::uint32_t type, bool& found) const {
    found = false;
    for (std::uint32_t s = 0; s < segment_count_ && !found; ++s) {
        const ElfSegment notes = segment(s);
        if (notes.type == elf::pt_note) {
            const auto description =
                find_note_in({notes.file_offset, notes.file_bytes, notes.alignment}, owner, type, found);
            if (found) {
                return description;
            }
        }
    }
    return find_note_in_sections(owner, type, found);
}

/// Xen's loader looks here when no segment has the note. A section table that does not fit the file has no sections.
std::span<const std::uint8_t> ElfImage::find_note_in_sections(std::string_view owner, std::uint32_t type,
                                                              bool& found) const {
    const SectionLayout& layout = is_64_ ? section64 : section32;
    const std::uint64_t table = field(layout.table_offset, layout.address_bytes);
    const std::uint64_t count = field(layout.table_entries, 2);
    if (field(layout.table_entry_size, 2) != layout.section_bytes || count > max_sections ||
        !lies_within(table, count * layout.section_bytes, file_.size())) {
        return {};
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t at = table + i * layout.section_bytes;
        if (field(at + layout.type, 4) != section_type_note) {
            continue;
        }
        const auto description = find_note_in({field(at + layout.offset, layout.address_bytes),
                                               field(at + layout.size, layout.address_bytes),
                                               field(at + layout.alignment, layout.address_bytes)},
                                              owner, type, found);
        if (found) {
            return description;
        }
    }
    return {};
}

} // namespace bulkhead
