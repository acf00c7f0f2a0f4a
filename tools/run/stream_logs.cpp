// SPDX-License-Identifier: Apache-2.0
#include "run/stream_logs.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace bulkhead::tools {

Outcome<Done> StreamLogs::open(const std::string& directory, const std::vector<std::string>& names) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
        return Failure{"cannot make the directory " + directory + ": " + error.message()};
    }
    for (const std::string& name : names) {
        const std::string path = directory + "/" + name + ".log";
        files_.emplace_back(path, std::ios::binary | std::ios::trunc);
        if (!files_.back()) {
            return Failure{"cannot write " + path + ": " + std::strerror(errno)};
        }
    }
    return Done{};
}

void StreamLogs::write(StreamId stream, std::string_view bytes) {
    if (stream < files_.size()) {
        files_[stream].write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        files_[stream].flush();
    }
}

} // namespace bulkhead::tools
