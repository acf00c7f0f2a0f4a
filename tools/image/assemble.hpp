// SPDX-License-Identifier: Apache-2.0
// From the files that the user names to a checked plan, and on to a boot image. It must not know: how it will be
// booted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/plan.hpp"
#include "image/guest_kernel.hpp"
#include "image/packer.hpp"

namespace bulkhead::tools {

struct MachineOverride {
    std::optional<std::uint64_t> memory_bytes;
    std::optional<std::uint32_t> cpus;
};

/// Everything that is needed to pack an image, all of it checked.
struct CheckedSystem {
    Plan plan;
    std::vector<PackedDomain> domains;
};

/// `files`: one system file (.toml), or domain files. Whatever is wrong is in `diagnostics`; the result is good only if
/// nothing is.
CheckedSystem check_system(const std::vector<std::string>& files, const MachineOverride& machine,
                           Diagnostics& diagnostics);

struct ImageOptions {
    std::string components_directory;
    bool print_capabilities{false};
    std::uint64_t wall_clock_ns{0};
    std::string crash_domain; ///< a name; empty: none
    std::uint32_t crash_after_exits{0};
};

Outcome<Bytes> make_image(const CheckedSystem& system, const ImageOptions& options);

} // namespace bulkhead::tools
