// SPDX-License-Identifier: Apache-2.0
// Bits of an x86-64 page-table entry (APM 2, 5.3 to 5.6; nested: 15.25), as two formats of one generic tree, and the
// pool that feeds a tree with tables. It must not know: who owns a tree, nor how memory is reached.
#pragma once

#include <bulkhead/abi/types.hpp>

#include <cstdint>

namespace bulkhead::kernel {

/// What a mapping allows; it can always be read.
struct PageFlags {
    bool write{false};
    bool execute{false};
    bool user{false};
    bool uncached{false};

    constexpr bool operator==(const PageFlags&) const = default;
};

namespace page_bit {
inline constexpr std::uint64_t present = 1u << 0;
inline constexpr std::uint64_t write = 1u << 1;
inline constexpr std::uint64_t user = 1u << 2;
inline constexpr std::uint64_t write_through = 1u << 3;
inline constexpr std::uint64_t cache_disable = 1u << 4;
inline constexpr std::uint64_t accessed = 1u << 5;
inline constexpr std::uint64_t dirty = 1u << 6;
inline constexpr std::uint64_t large = 1u << 7;
inline constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;
inline constexpr std::uint64_t address = 0x000f'ffff'ffff'f000;
} // namespace page_bit

/// What the host's and the nested four-level tables share. Accessed and dirty are set from the start: nobody reads
/// them, and the CPU need not write them.
template <bool always_user> struct X86PageFormat {
    static constexpr std::uint32_t levels = 4;
    static constexpr std::uint32_t large_level = 2; ///< entries of level 1 map 4 KiB, of level 2 2 MiB or a table
    static constexpr std::uint32_t index_bits = 9;
    static constexpr std::uint64_t frame_end = std::uint64_t{1} << 52;

    static constexpr bool present(std::uint64_t entry) { return (entry & page_bit::present) != 0; }
    static constexpr bool leaf(std::uint64_t entry, std::uint32_t level) {
        return present(entry) && (level == 1 || (entry & page_bit::large) != 0);
    }
    static constexpr std::uint64_t make_table(HostPhys table) {
        return table.value | page_bit::present | page_bit::write | page_bit::user | page_bit::accessed;
    }
    static constexpr std::uint64_t make_leaf(HostPhys frame, PageFlags flags, std::uint32_t level) {
        std::uint64_t entry = frame.value | page_bit::present | page_bit::accessed | page_bit::dirty;
        entry |= level > 1 ? page_bit::large : 0;
        entry |= flags.write ? page_bit::write : 0;
        entry |= (always_user || flags.user) ? page_bit::user : 0;
        entry |= flags.uncached ? page_bit::cache_disable | page_bit::write_through : 0;
        entry |= flags.execute ? 0 : page_bit::no_execute;
        return entry;
    }
    /// Target of an entry: the next table, or the leaf's frame. (Bit 12 of a large leaf would be PAT; it is never set.)
    static constexpr HostPhys frame(std::uint64_t entry) { return HostPhys{entry & page_bit::address}; }
    static constexpr PageFlags flags(std::uint64_t entry) {
        return {.write = (entry & page_bit::write) != 0,
                .execute = (entry & page_bit::no_execute) == 0,
                .user = (entry & page_bit::user) != 0,
                .uncached = (entry & page_bit::cache_disable) != 0};
    }
};

/// Page tables of a component: the lower half. The kernel's half of the top-level table is the architecture's.
struct HostFormat : X86PageFormat<false> {
    static constexpr std::uint64_t input_end = user_end;
};

/// SVM nested page tables: the input is guest-physical, and every access counts as a user's (APM 2, 15.25.5).
struct NestedFormat : X86PageFormat<true> {
    static constexpr std::uint64_t input_end = std::uint64_t{1} << 48;
};

/// Free 4 KiB frames of one space, last in first out, linked through the frames themselves. `Memory`: see PageTree.
template <typename Memory> class BasicPagePool {
public:
    /// A frame with unspecified contents; HostPhys{0} if there is none.
    [[nodiscard]] HostPhys take() {
        const HostPhys frame = head_;
        if (frame.value != 0) {
            head_ = HostPhys{Memory::load(frame)};
            --count_;
        }
        return frame;
    }
    void give(HostPhys frame) {
        Memory::store(frame, head_.value);
        head_ = frame;
        ++count_;
    }
    std::uint64_t count() const { return count_; }

private:
    HostPhys head_{0};
    std::uint64_t count_{0};
};

} // namespace bulkhead::kernel
