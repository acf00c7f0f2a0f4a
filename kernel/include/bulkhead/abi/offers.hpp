// SPDX-License-Identifier: Apache-2.0
// An entry of the table that an Offers reads: 8 bytes in memory that the owner writes as it likes. The form is that of
// version 1 of Xen's grant entries, so that a guest's own table can serve.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead::offer {

inline constexpr std::uint64_t entry_bytes = 8;
inline constexpr std::uint64_t entries_per_page = page_size / entry_bytes;

// Bits 0 to 15: flags.
inline constexpr std::uint64_t kind = 0x3;   ///< these bits say what the entry is:
inline constexpr std::uint64_t access = 0x1; ///< the peer may map the page
inline constexpr std::uint64_t read_only = 0x4;
inline constexpr std::uint64_t reading = 0x8;  ///< set by the kernel while the page is mapped
inline constexpr std::uint64_t writing = 0x10; ///< the same, for writing
// Bits 16 to 31: the peer. Bits 32 to 63: the guest-physical frame.
constexpr std::uint64_t peer(std::uint64_t entry) {
    return (entry >> 16) & 0xffff;
}
constexpr GuestPhys page(std::uint64_t entry) {
    return GuestPhys{(entry >> 32) << page_shift};
}

} // namespace bulkhead::offer
