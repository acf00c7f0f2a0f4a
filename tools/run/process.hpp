// SPDX-License-Identifier: Apache-2.0
// A child process on three pipes, which does not outlive this one. It must not know: which program it is.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/outcome.hpp"
#include "run/file_descriptor.hpp"

namespace bulkhead::tools {

class Process {
public:
    static Outcome<Process> start(const std::vector<std::string>& command);
    Process(Process&& other) noexcept;
    Process& operator=(Process&&) = delete;
    /// Ends it if it still runs.
    ~Process();

    FileDescriptor& input() { return input_; }
    FileDescriptor& output() { return output_; }
    FileDescriptor& errors() { return errors_; }

    /// Waits for its end: its exit status, or 128 + the signal that ended it.
    int wait();
    /// Asks it to end, and makes it end if it does not within two seconds.
    void terminate();

private:
    Process() = default;
    std::optional<int> poll();

    pid_t pid_{-1};
    std::optional<int> status_;
    FileDescriptor input_, output_, errors_;
};

} // namespace bulkhead::tools
