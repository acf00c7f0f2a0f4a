// SPDX-License-Identifier: Apache-2.0
// An ISO image that GRUB boots, from BIOS and from UEFI. It must not know: what is in the boot image.
#pragma once

#include <string>

#include "base/bytes.hpp"

namespace bulkhead::tools {

struct IsoContents {
    ByteView kernel, root, image;
    std::string command_line; ///< the kernel's
};

/// Runs grub-mkrescue in a directory of its own.
Outcome<Done> write_iso(const std::string& path, const IsoContents& contents);

/// GRUB's configuration file.
std::string grub_config(const std::string& command_line);

} // namespace bulkhead::tools
