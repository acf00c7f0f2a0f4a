// SPDX-License-Identifier: Apache-2.0
// The machine that a run boots, as QEMU's command line says it. It must not know: what is in the boot image.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::tools {

struct QemuOptions {
    std::string kernel, root, image; ///< files
    std::string command_line;        ///< of the kernel, beside what is always there
    std::uint64_t memory_bytes{0};
    std::uint32_t cpus{1};
    bool icount{false};
    bool gdb{false};
    std::string trace_file; ///< empty: none
    std::vector<std::string> extra;
};

/// The clock of a deterministic run begins here.
inline constexpr const char* icount_start = "2026-01-01T00:00:00";
inline constexpr std::uint64_t icount_start_ns = 1'767'225'600'000'000'000;

/// Values that root writes to the exit port (services/root), as QEMU's exit status shows them.
inline constexpr int qemu_status_ended_well = 0x10 << 1 | 1;
inline constexpr int qemu_status_failures = 0x11 << 1 | 1;
/// The kernel's own, when it cannot go on or cannot run on this machine.
inline constexpr int qemu_status_gave_up = 0x0f << 1 | 1;

std::vector<std::string> qemu_command(const QemuOptions& options);

/// A command as a shell would take it.
std::string quote(const std::vector<std::string>& command);

} // namespace bulkhead::tools
