// SPDX-License-Identifier: Apache-2.0
// Where services/domain keeps its capabilities and what it maps where. It must not know: what is done with them.
#pragma once

#include <bulkhead/abi/syscall.hpp>
#include <bulkhead/slots.hpp>
#include <bulkhead/spawn.hpp>

namespace bulkhead::domain {

/// Where requests' capabilities arrive: none is expected, so none stays.
inline constexpr Selector server_window{slot::first_free};
/// Pieces of the boot image while they are read.
inline constexpr Selector kernel_piece{slot::first_free.value + Utcb::max_caps};
inline constexpr Selector ramdisk_piece{kernel_piece.value + 1};
/// On their way to others while a domain is built.
inline constexpr Selector grant_window_copy{ramdisk_piece.value + 1}; ///< the table's frames, for the monitor
inline constexpr Selector in_the_making{ramdisk_piece.value + 2};     ///< with all rights, until it is handed on
inline constexpr Selector offers{ramdisk_piece.value + 3};

/// Capabilities of one domain. While it runs only the threads, `cap_space`, `vault_handle` and `fault_events` are in
/// use.
class DomainSlots {
public:
    static constexpr std::uint32_t first = 1088;
    static constexpr std::uint32_t stride = 80;

    constexpr explicit DomainSlots(DomId domain) : base_{first + (domain.value - 1u) * stride} {}

    constexpr Selector memory() const { return at(0); } ///< the Untyped that nearly all the rest is made of
    constexpr Selector ram(std::uint32_t range) const { return at(1 + range); }
    constexpr Selector ram_for_stage2(std::uint32_t range) const { return at(3 + range); }
    constexpr Selector stage2() const { return at(5); }
    constexpr Selector shared_info() const { return at(6); }
    constexpr Selector console_ring() const { return at(7); }
    constexpr Selector grant_frames() const { return at(8); }
    constexpr Selector vault() const { return at(9); }
    constexpr Selector vault_handle() const { return at(10); }
    constexpr Selector vcpu() const { return at(11); } ///< on its way to the vault
    constexpr Selector console_sender() const { return at(12); }
    constexpr Selector fault_events() const { return at(13); } ///< stays from one life of the domain to the next
    constexpr Selector high_memory() const { return at(14); }  ///< the Untyped of RAM above 4 GiB, if there is some
    constexpr Selector holes() const { return at(15); }        ///< the monitor's bits of RAM that the guest gave back
    constexpr Selector spawned() const { return at(16); }
    /// Of vCPUs after the first, whose thread is among `spawned`.
    constexpr Selector vcpu_thread(std::uint32_t vcpu) const { return at(31 + vcpu); }
    constexpr Selector vcpu_events() const { return at(64); } ///< these four on their way
    constexpr Selector vcpu_bell() const { return at(65); }
    constexpr Selector vcpu_stack() const { return at(66); }
    constexpr Selector vcpu_fault_events() const { return at(67); }
    static_assert(16 + spawn_slots <= 32 && 31 + slot::max_vcpus <= 64 && 67 < stride);

private:
    constexpr Selector at(std::uint32_t offset) const { return Selector{base_ + offset}; }

    std::uint32_t base_;
};
inline constexpr std::uint32_t slots_needed = DomainSlots::first + max_domains * DomainSlots::stride;

// Windows of the component's address space. Each is empty but while a domain is built.
inline constexpr UserVirt kernel_window{0x2000'0000'0000};
inline constexpr UserVirt ramdisk_window{0x2100'0000'0000};
inline constexpr UserVirt spawn_window{0x2200'0000'0000};
inline constexpr UserVirt monitor_window{0x2300'0000'0000}; ///< always: the monitor's ELF
inline constexpr UserVirt ram_window{0x3000'0000'0000};

} // namespace bulkhead::domain
