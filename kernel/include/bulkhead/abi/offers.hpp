// SPDX-License-Identifier: Apache-2.0
// An entry of the table that an Offers reads: memory that the owner writes as it likes. The forms are those of Xen's
// grant entries, so that a guest's own table can serve (public/grant_table.h).
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

/// How the entries of a table are read. The owner says it: whoever maps could invent offers by saying it wrongly.
enum class OfferFormat : std::uint8_t {
    closed,    ///< not at all: nothing is offered
    version_1, ///< 8 bytes; the marks of use are in the entry
    version_2  ///< 16 bytes; the marks of use are in words of 16 bits behind the table, one for each entry
};

namespace offer {

inline constexpr std::uint64_t entry_bytes = 8; ///< of version 1
inline constexpr std::uint64_t entries_per_page = page_size / entry_bytes;
constexpr std::uint64_t words_per_entry(OfferFormat format) {
    return format == OfferFormat::version_2 ? 2 : 1;
}
// The first 8 bytes. Bits 0 to 15: flags.
inline constexpr std::uint64_t kind = 0x3;   ///< these bits say what the entry is:
inline constexpr std::uint64_t access = 0x1; ///< the peer may map the page
inline constexpr std::uint64_t read_only = 0x4;
inline constexpr std::uint64_t reading = 0x8;  ///< set by the kernel while the page is mapped
inline constexpr std::uint64_t writing = 0x10; ///< the same, for writing
inline constexpr std::uint64_t part = 0x100;   ///< version 2: part of a page, which cannot be mapped alone
// Bits 16 to 31: the peer. Bits 32 to 63, or in version 2 the second 8 bytes: the guest-physical frame.
constexpr std::uint64_t peer(std::uint64_t entry) {
    return (entry >> 16) & 0xffff;
}

} // namespace offer

} // namespace bulkhead
