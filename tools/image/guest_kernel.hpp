// SPDX-License-Identifier: Apache-2.0
// A guest's kernel as it goes into the boot image: taken out of its bzImage, its segments checked against the guest's
// memory. It must not know: the configuration files.
#pragma once

#include <string>

#include "image/elf.hpp"

namespace bulkhead::tools {

struct GuestKernel {
    Bytes elf; ///< segments and notes only
    std::vector<ElfSegment> segments;
    std::uint64_t entry{0};
};

/// The file may be a bzImage or an ELF file.
Outcome<GuestKernel> read_guest_kernel(ByteView file);

struct GuestNeeds {
    std::uint64_t memory_bytes{0};
    std::uint64_t ramdisk_bytes{0};
    std::uint64_t command_line_bytes{0};
};

/// Everything that is wrong with loading that kernel into such a guest.
std::vector<std::string> check_fit(const GuestKernel& kernel, const GuestNeeds& needs);

} // namespace bulkhead::tools
