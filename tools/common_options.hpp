// SPDX-License-Identifier: Apache-2.0
// Options that several subcommands share: which files, which machine, which components.
// It must not know: what is done with the image.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "image/assemble.hpp"

namespace bulkhead::tools {

struct MachineOptions {
    std::string memory; ///< as typed; empty: what the system file says
    std::uint32_t cpus{0};

    void add_to(CLI::App& app);
    Outcome<MachineOverride> parse() const;
};

struct PackOptions {
    MachineOptions machine;
    std::string components;
    std::string crash_domain;
    std::uint32_t crash_after_exits{1000};
    bool print_capabilities{false};

    void add_to(CLI::App& app);
};

/// Prints everything that is wrong with the files and returns nothing, or returns what to pack.
std::optional<CheckedSystem> check_or_complain(const std::vector<std::string>& files, const MachineOptions& machine);

/// Packs a checked system as the options say; complains and returns nothing if that fails.
std::optional<Bytes> pack_or_complain(const CheckedSystem& system, const PackOptions& options,
                                      std::uint64_t wall_clock_ns);

/// "bulkhead: error: ..." on standard error; returns exit_failure.
int complain(const std::string& message);

} // namespace bulkhead::tools
