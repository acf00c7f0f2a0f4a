// SPDX-License-Identifier: Apache-2.0
// The PVH loader's reading half; see the header. The note: public/elfnote.h.
#include "pvh_image.hpp"

#include <iterator>

#include <bulkhead/xen.hpp>

namespace bulkhead::domain {
namespace {

ImageError collect_segments(const ElfImage& elf, PvhImage& image) {
    for (std::uint32_t i = 0; i < elf.segment_count(); ++i) {
        const ElfSegment segment = elf.segment(i);
        if (segment.type != elf::pt_load || segment.memory_bytes == 0) {
            continue;
        }
        if (image.segment_count == PvhImage::max_segments) {
            return ImageError::too_many_segments;
        }
        image.segment[image.segment_count++] = {segment.file_offset, segment.file_bytes,
                                                GuestPhys{segment.physical_address}, segment.memory_bytes};
    }
    return image.segment_count == 0 ? ImageError::no_segments : ImageError::none;
}

bool is_loaded(const PvhImage& image, std::uint64_t address) {
    for (const LoadSegment& segment : image.segments()) {
        if (address >= segment.address.value && address < segment.end()) {
            return true;
        }
    }
    return false;
}

/// The note's value has the width of the kernel's pointers: 8 bytes on amd64, 4 on i386, whatever the ELF class.
ImageError find_entry(const ElfImage& elf, PvhImage& image) {
    bool found = false;
    const std::span<const std::uint8_t> value = elf.find_note("Xen", XEN_ELFNOTE_PHYS32_ENTRY, found);
    if (!found) {
        return ImageError::no_entry;
    }
    if (value.size() != 4 && value.size() != 8) {
        return ImageError::bad_entry;
    }
    std::uint64_t entry = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
        entry |= std::uint64_t{value[i]} << (8 * i);
    }
    if (entry > 0xffff'ffff || !is_loaded(image, entry)) {
        return ImageError::bad_entry;
    }
    image.entry = GuestPhys{entry};
    return ImageError::none;
}

} // namespace

std::string_view to_string(ImageError error) {
    constexpr std::string_view names[] = {"no error",
                                          "bad ELF file",
                                          "too many segments",
                                          "no segment to load",
                                          "no PHYS32_ENTRY note: not a PVH kernel",
                                          "the PHYS32_ENTRY note is malformed or points outside the image"};
    static_assert(std::size(names) == static_cast<std::size_t>(ImageError::count));
    return error < ImageError::count ? names[static_cast<std::size_t>(error)] : "unknown";
}

ImageError parse_pvh_image(std::span<const std::uint8_t> file, PvhImage& image) {
    image = {};
    ElfImage elf;
    image.elf_error = ElfImage::parse(file, elf, true);
    if (image.elf_error != ElfError::none) {
        return ImageError::bad_elf;
    }
    const ImageError error = collect_segments(elf, image);
    return error != ImageError::none ? error : find_entry(elf, image);
}

} // namespace bulkhead::domain
