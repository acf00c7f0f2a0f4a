// SPDX-License-Identifier: Apache-2.0
// A file without a name, for a child process to open: leaves nothing behind, and its path needs no quoting.
// It must not know: its contents.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "run/file_descriptor.hpp"

namespace bulkhead::tools {

class MemoryFile {
public:
    static Outcome<MemoryFile> create(ByteView contents);

    /// Valid in this process and in children that inherit the descriptor.
    std::string path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

private:
    explicit MemoryFile(FileDescriptor file) : file_{std::move(file)} {}

    FileDescriptor file_;
};

} // namespace bulkhead::tools
