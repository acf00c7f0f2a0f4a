// SPDX-License-Identifier: Apache-2.0
// Bounds-checked little-endian reads from a file in memory. It must not know: any file format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/outcome.hpp"

namespace bulkhead::tools {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

/// The part [offset, offset + length), if all of it exists.
inline std::optional<ByteView> part(ByteView bytes, std::uint64_t offset, std::uint64_t length) {
    if (offset > bytes.size() || length > bytes.size() - offset) {
        return std::nullopt;
    }
    return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
}

/// An unsigned number of the host's byte order (x86: little-endian), if all of it exists.
template <typename T> std::optional<T> read(ByteView bytes, std::uint64_t offset) {
    const auto view = part(bytes, offset, sizeof(T));
    if (!view) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, view->data(), sizeof value);
    return value;
}

/// The whole of a regular file, or why it cannot be read ("no such file", ...).
Outcome<Bytes> read_file(const std::string& path);
/// Writes through a temporary name, so that a file of that name is either the old or the new one.
Outcome<Done> write_file(const std::string& path, ByteView bytes);

} // namespace bulkhead::tools
