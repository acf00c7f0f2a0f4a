// SPDX-License-Identifier: Apache-2.0
// The boot image: one file, loaded as the boot module after services/root's ELF. A header page, the manifest
// (Protobuf message bulkhead.BootManifest), then blobs (component ELFs, guest kernels as plain ELF, ramdisks), each
// page-aligned.
#pragma once

#include <cstdint>

namespace bulkhead {

struct BootImageHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t manifest_length;
    std::uint64_t manifest_offset; ///< from the start of the image, multiple of 4096
    std::uint64_t total_length;    ///< bytes, multiple of 4096
};
inline constexpr std::uint64_t boot_image_magic = 0x3147'4d49'4b4c'5542; // "BULKIMG1"
inline constexpr std::uint32_t boot_image_version = 1;

} // namespace bulkhead
