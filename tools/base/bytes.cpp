// SPDX-License-Identifier: Apache-2.0
// Whole files in and out of memory. It must not know: what is in them.
#include "base/bytes.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

namespace bulkhead::tools {

Outcome<Bytes> read_file(const std::string& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) {
        return Failure{"no such file"};
    }
    if (!std::filesystem::is_regular_file(status)) {
        return Failure{std::filesystem::is_directory(status) ? "is a directory" : "is not a regular file"};
    }
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rb"), std::fclose};
    if (!file) {
        return Failure{std::strerror(errno)};
    }
    const auto size = std::filesystem::file_size(path, error);
    if (error) {
        return Failure{error.message()};
    }
    Bytes bytes(static_cast<std::size_t>(size));
    const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file.get());
    if (std::ferror(file.get()) != 0) {
        return Failure{std::strerror(errno)};
    }
    bytes.resize(got);
    return bytes;
}

Outcome<Done> write_file(const std::string& path, ByteView bytes) {
    const std::string temporary = path + ".new";
    {
        std::ofstream file{temporary, std::ios::binary | std::ios::trunc};
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        file.close();
        if (!file) {
            return Failure{"cannot write " + temporary + ": " + std::strerror(errno)};
        }
    }
    std::error_code error;
    std::filesystem::rename(temporary, path, error);
    if (error) {
        return Failure{"cannot write " + path + ": " + error.message()};
    }
    return Done{};
}

} // namespace bulkhead::tools
