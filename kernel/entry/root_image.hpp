// SPDX-License-Identifier: Apache-2.0
// The first task's ELF file, read with every field checked. The only file format that the kernel knows.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead::kernel {

struct RootSegment {
    std::uint64_t file_offset;
    std::uint64_t file_bytes;
    std::uint64_t address; ///< page-aligned
    std::uint64_t bytes;   ///< in memory, whole pages
    Rights rights;
};

struct RootImage {
    static constexpr std::uint32_t max_segments = 8;

    std::uint64_t entry{0};
    std::uint32_t count{0};
    RootSegment segments[max_segments]{};
};

/// False: not an x86-64 ELF executable with page-aligned, readable, never both writable and executable segments below
/// user_end.
[[nodiscard]] bool read_root_image(const void* file, std::uint64_t bytes, RootImage& image);

} // namespace bulkhead::kernel
