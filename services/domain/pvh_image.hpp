// SPDX-License-Identifier: Apache-2.0
// What a guest kernel wants: which bytes of its ELF file go where in guest-physical memory, and where it is entered
// (its Xen PHYS32_ENTRY note). The file is hostile input. It must not know: where RAM is, nor what a domain is.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <bulkhead/abi/types.hpp>
#include <bulkhead/elf.hpp>

namespace bulkhead::domain {

enum class ImageError : std::uint8_t {
    none,
    bad_elf,           ///< see PvhImage::elf_error
    too_many_segments, ///< more than PvhImage::max_segments to load
    no_segments,       ///< nothing to load
    no_entry,          ///< no PHYS32_ENTRY note: not a PVH kernel
    bad_entry,         ///< the note's value is not 4 or 8 bytes, or points outside the loaded segments
    count
};
std::string_view to_string(ImageError error);

/// What to copy where. Bytes from file_size to memory_size are zero.
struct LoadSegment {
    std::uint64_t file_offset{0};
    std::uint64_t file_size{0};
    GuestPhys address{};
    std::uint64_t memory_size{0};

    constexpr std::uint64_t end() const { return address.value + memory_size; }
};

struct PvhImage {
    static constexpr std::uint32_t max_segments = 32;

    std::array<LoadSegment, max_segments> segment{};
    std::uint32_t segment_count{0};
    GuestPhys entry{};
    ElfError elf_error{ElfError::none};

    std::span<const LoadSegment> segments() const { return {segment.data(), segment_count}; }
};

/// Fills `image`, or says why not. Segments go to their p_paddr: Linux has one whose p_vaddr is 0. The machine field is
/// not looked at: for a PVH guest Xen's loader does not either (the entry is 32-bit protected mode whatever the file
/// claims), and images of both classes carry both machines.
[[nodiscard]] ImageError parse_pvh_image(std::span<const std::uint8_t> file, PvhImage& image);

} // namespace bulkhead::domain
