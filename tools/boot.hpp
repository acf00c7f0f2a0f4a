// SPDX-License-Identifier: Apache-2.0
// Packs a checked system and makes a QEMU command of it that needs no files on disk.
// It must not know: what happens in the run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common_options.hpp"
#include "run/memory_file.hpp"
#include "run/qemu.hpp"

namespace bulkhead::tools {

/// A machine that is ready to be started. The files live as long as this object.
struct PreparedBoot {
    std::vector<MemoryFile> files;
    QemuOptions qemu;
    std::vector<std::string> stream_names; ///< by stream id
};

/// Complains and returns nothing if it fails. Fills in everything of `qemu` that the system determines.
std::optional<PreparedBoot> prepare_boot(const CheckedSystem& system, const PackOptions& pack,
                                         const std::string& kernel, QemuOptions qemu);

} // namespace bulkhead::tools
