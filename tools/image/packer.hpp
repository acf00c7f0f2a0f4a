// SPDX-License-Identifier: Apache-2.0
// Lays out the boot image: header page, manifest, page-aligned blobs (lib/include/bulkhead/boot_image.hpp).
// It must not know: where its contents come from, nor whether they make sense together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "config/plan.hpp"

namespace bulkhead::tools {

using SharedBytes = std::shared_ptr<const Bytes>;

struct PackedComponent {
    ComponentConfig config;
    SharedBytes elf;
};

struct PackedDomain {
    PlannedDomain plan;
    SharedBytes kernel;
    SharedBytes ramdisk; ///< null: none
};

struct ImageContents {
    std::vector<PackedComponent> components;
    SharedBytes monitor;
    std::vector<PackedDomain> domains;
    bool exit_when_done{true};
    bool print_capabilities{false};
    std::uint64_t wall_clock_ns{0};
    std::uint32_t crash_domain{0}; ///< number of a domain, from 1
    std::uint32_t crash_after_exits{0};
};

/// The boot image. Equal blobs are stored once.
Outcome<Bytes> pack_image(const ImageContents& contents);

} // namespace bulkhead::tools
