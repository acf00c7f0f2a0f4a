// SPDX-License-Identifier: Apache-2.0
// Physical memory as firmware's tables see it, read with bounds: no address that a table names is trusted.
#pragma once

#include <cstdint>
#include <cstring>

namespace bulkhead::kernel::arch {

/// Physical addresses [0, size), visible at `base`. Host tests give an array.
struct PhysicalWindow {
    const std::uint8_t* base;
    std::uint64_t size;

    /// Null if any of the bytes lies outside.
    [[nodiscard]] const std::uint8_t* at(std::uint64_t address, std::uint64_t bytes) const {
        return bytes <= size && address <= size - bytes ? base + address : nullptr;
    }
    /// Copies a T; firmware's tables are not aligned.
    template <typename T> [[nodiscard]] bool read(std::uint64_t address, T& value) const {
        const std::uint8_t* source = at(address, sizeof(T));
        if (source != nullptr) {
            std::memcpy(&value, source, sizeof(T));
        }
        return source != nullptr;
    }
};

} // namespace bulkhead::kernel::arch
