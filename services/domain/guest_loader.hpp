// SPDX-License-Identifier: Apache-2.0
// Writes a planned domain into its RAM, but for the ramdisk: kernel, ACPI tables, start-of-day block
// (public/arch-x86/hvm/start_info.h). It must not know: where the RAM comes from; it sees low RAM as one span that
// begins at guest-physical 0 and is all zero.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "memory_plan.hpp"

namespace bulkhead::domain {

struct GuestContents {
    std::span<const std::uint8_t> kernel; ///< the file that `image` was parsed from
    std::string_view command_line;
    std::uint32_t vcpus{1};
};

/// Writes everything to where `plan` says. `ram` is plan.low_bytes long; image, plan and contents must belong together
/// (the plan was made for exactly these sizes), which the function checks before it writes anything.
[[nodiscard]] bool load_guest(std::span<std::uint8_t> ram, const PvhImage& image, const MemoryPlan& plan,
                              const GuestContents& contents);

} // namespace bulkhead::domain
