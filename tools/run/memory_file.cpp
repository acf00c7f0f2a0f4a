// SPDX-License-Identifier: Apache-2.0
#include "run/memory_file.hpp"

#include <sys/mman.h>

#include <cerrno>

namespace bulkhead::tools {

Outcome<MemoryFile> MemoryFile::create(ByteView contents) {
    FileDescriptor file{memfd_create("bulkhead", 0)}; // without MFD_CLOEXEC: for the child
    if (!file.open()) {
        return Failure{std::string{"cannot make a file in memory: "} + std::strerror(errno)};
    }
    while (!contents.empty()) {
        const ssize_t written = write(file.get(), contents.data(), contents.size());
        if (written <= 0) {
            return Failure{std::string{"cannot write a file in memory: "} + std::strerror(errno)};
        }
        contents = contents.subspan(static_cast<std::size_t>(written));
    }
    return MemoryFile{std::move(file)};
}

} // namespace bulkhead::tools
