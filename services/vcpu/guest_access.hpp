// SPDX-License-Identifier: Apache-2.0
// Copies by guest-virtual address: one walk per page touched, each byte fetched once, all or nothing.
// It must not know: who asks, and what an error means to the guest.
#pragma once

#include "guest_walk.hpp"

namespace bulkhead::vcpu {

/// Where and why a copy failed: the first byte that could not be reached.
struct AccessFault {
    WalkStatus status{WalkStatus::ok};
    std::uint32_t error{0};
    std::uint64_t address{0};
};

class GuestAccess {
public:
    /// With the paging and the privilege that the state says, whenever something is looked up.
    GuestAccess(const GuestMemory& memory, const VcpuState& state) : memory_{memory}, state_{state} {}

    /// False: `fault()` says why; nothing was copied.
    [[nodiscard]] bool read(std::uint64_t address, void* to, std::size_t size);
    [[nodiscard]] bool fetch(std::uint64_t address, void* to, std::size_t size);
    [[nodiscard]] bool write(std::uint64_t address, const void* from, std::size_t size);
    /// Whether a `write` of that size would succeed now.
    [[nodiscard]] bool writable(std::uint64_t address, std::size_t size);

    template <typename T> [[nodiscard]] bool get(std::uint64_t address, T& value) {
        return read(address, &value, sizeof value);
    }
    template <typename T> [[nodiscard]] bool put(std::uint64_t address, const T& value) {
        return write(address, &value, sizeof value);
    }

    const AccessFault& fault() const { return fault_; }

private:
    /// What is looked up before the first byte moves: every structure of the ABI lies within. A longer copy is looked
    /// up twice, and a guest that changes its tables meanwhile may find it cut short.
    static constexpr std::size_t max_pieces = 4;

    /// A page that was found, and for what. It counts until the memory changes: like the entry of a TLB it may outlive
    /// a change of the guest's tables, but never the call that it was found in.
    struct Found {
        std::uint64_t page{no_page};
        std::uint8_t* bytes; ///< this and the others: of a page
        std::uint64_t changes;
        bool write;
    };
    static constexpr std::uint64_t no_page = ~std::uint64_t{0};
    static constexpr std::size_t max_found = 2;

    /// The bytes of one page, or nullptr with the reason in fault_.
    std::uint8_t* piece(std::uint64_t address, std::size_t size, Access access);
    std::uint8_t* find_piece(std::uint64_t address, std::size_t size, Access access); ///< the same, of a page not known
    [[nodiscard]] bool reachable(std::uint64_t address, std::size_t size, Access access);
    /// Calls copy(bytes of the guest, offset, size) for each page of the range, after all of them have been found.
    template <typename F>
    [[nodiscard]] bool for_each_piece(std::uint64_t address, std::size_t size, Access access, F&& copy);
    [[nodiscard]] bool copy_from(std::uint64_t address, void* to, std::size_t size, Access access);

    const GuestMemory& memory_;
    const VcpuState& state_;
    AccessFault fault_{};
    Found found_[max_found];
};

} // namespace bulkhead::vcpu
