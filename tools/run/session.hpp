// SPDX-License-Identifier: Apache-2.0
// One run from QEMU's start to its end: moves bytes between the machine, the user and the logs, and decides how it
// ended. It must not know: how the machine was made.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/outcome.hpp"
#include "run/watch.hpp"

namespace bulkhead::tools {

/// Exit status of `bulkhead run`.
enum class RunStatus : int {
    success = 0, ///< what was waited for appeared; or all domains ended as they should
    failure = 1,
    usage = 2,
    timeout = 3,
    panic = 4, ///< the hypervisor itself gave up
    interrupted = 130,
};

struct SessionOptions {
    std::vector<std::string> command;      ///< QEMU's
    std::vector<std::string> stream_names; ///< by stream id
    std::optional<StreamId> raw_console;   ///< only this one, byte for byte
    bool quiet{false};                     ///< shows nothing
    std::optional<std::chrono::milliseconds> timeout;
    std::string log_directory; ///< empty: no logs
    Watch watch;
};

struct SessionResult {
    RunStatus status{RunStatus::failure};
    std::string explanation; ///< for the user; may be empty
    std::string system_log;  ///< everything on the system's stream
};

Outcome<SessionResult> run_session(SessionOptions options);

} // namespace bulkhead::tools
