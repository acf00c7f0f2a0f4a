// SPDX-License-Identifier: Apache-2.0
// The subcommands of bulkhead-tool. Each adds itself to the command line and runs when it was chosen.
// It must not know: how the others work.
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

namespace bulkhead::tools {

/// Exit status of everything but `run` (see RunStatus).
inline constexpr int exit_success = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

/// Where the build's products are.
struct BuildTree {
    std::string directory; ///< build/out

    std::string kernel() const { return directory + "/kernel/bulkhead-kernel.elf"; }
    std::string components() const { return directory + "/components"; }
};
BuildTree find_build_tree();
/// The system that is run when none is named.
std::string default_system_file();

using Command = std::function<int()>;

Command add_check(CLI::App& app);
Command add_pack(CLI::App& app);
Command add_image(CLI::App& app);
Command add_run(CLI::App& app);
Command add_caps(CLI::App& app);

} // namespace bulkhead::tools
