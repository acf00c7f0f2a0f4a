// SPDX-License-Identifier: Apache-2.0
// Memory for page-table tests: sparse frames, and an observer that sees every store as another CPU would. Plus a page
// walker that shares no code with the tree under test.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <unordered_map>

#include <bulkhead/abi/types.hpp>

namespace bulkhead::test {

struct RecordingMemory {
    using Frame = std::array<std::uint64_t, 512>;
    static inline std::unordered_map<std::uint64_t, Frame> frames;
    static inline std::function<void()> after_store;
    static inline std::uint64_t stores{0};

    static void reset() {
        frames.clear();
        after_store = nullptr;
        stores = 0;
    }
    /// Fills a new frame with garbage: nothing may rely on zeroed memory.
    static HostPhys add(std::uint64_t address) {
        frames[address].fill(0xdead'beef'dead'beef);
        return HostPhys{address};
    }
    static std::uint64_t& at(HostPhys entry) {
        const auto found = frames.find(entry.value & ~std::uint64_t{0xfff});
        if (found == frames.end() || entry.value % 8 != 0) {
            throw std::logic_error("access outside the tree's frames");
        }
        return found->second[(entry.value & 0xfff) / 8];
    }
    static std::uint64_t load(HostPhys entry) { return at(entry); }
    static void store(HostPhys entry, std::uint64_t value) {
        at(entry) = value;
        ++stores;
        if (after_store) {
            after_store();
        }
    }
};

/// What the CPU makes of one page: frame of that 4 KiB page, and the permission bits.
struct Translation {
    std::uint64_t frame{0};
    bool write{false}, user{false}, execute{false}, uncached{false};
    bool operator==(const Translation&) const = default;
};

/// APM 2, 5.3: four levels; rights are those of all levels together.
inline std::optional<Translation> translate(HostPhys root, std::uint64_t input) {
    Translation result{.write = true, .user = true, .execute = true};
    std::uint64_t table = root.value;
    for (unsigned level = 4;; --level) {
        const unsigned shift = 12 + 9 * (level - 1);
        const std::uint64_t entry = RecordingMemory::load(HostPhys{table + ((input >> shift) & 511) * 8});
        if ((entry & 1) == 0) {
            return std::nullopt;
        }
        result.write = result.write && (entry & 2) != 0;
        result.user = result.user && (entry & 4) != 0;
        result.execute = result.execute && (entry >> 63) == 0;
        const std::uint64_t target = entry & 0x000f'ffff'ffff'f000;
        const bool large = (entry & 0x80) != 0;
        if (level == 1 || large) {
            if (large && (level != 2 || target % 0x20'0000 != 0)) {
                throw std::logic_error("malformed large leaf");
            }
            result.uncached = (entry & 0x10) != 0;
            result.frame = target + (input & ((std::uint64_t{1} << shift) - 1) & ~std::uint64_t{0xfff});
            return result;
        }
        table = target;
    }
}

} // namespace bulkhead::test
