// SPDX-License-Identifier: Apache-2.0
// What the first task (services/root) finds when it starts: one read-only page at `boot_info_address`, and capabilities
// in the slots named here.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

inline constexpr std::uint64_t boot_info_magic = 0x746f'6f62'6b6c'7562; // "bulkboot"
inline constexpr std::uint32_t kernel_abi_version = 1;

/// Fixed slots of root's capability space (2^boot_slots_order slots).
namespace boot_slot {
inline constexpr std::uint32_t cap_space = 1;
inline constexpr std::uint32_t address_space = 2;
inline constexpr std::uint32_t thread = 3;
inline constexpr std::uint32_t interrupts = 4;   ///< all global system interrupts
inline constexpr std::uint32_t io_ports = 5;     ///< all 65536
inline constexpr std::uint32_t cpu_time = 6;     ///< all CPUs, highest priority
inline constexpr std::uint32_t first_module = 8; ///< Region (read), one per boot module but root's own
inline constexpr std::uint32_t max_modules = 8;
inline constexpr std::uint32_t first_untyped = 16; ///< `untyped_count` of them, largest first
inline constexpr std::uint32_t max_untyped = 16;
inline constexpr std::uint32_t first_free = 64;
} // namespace boot_slot
inline constexpr std::uint32_t boot_slots_order = 11;

struct BootInfo {
    std::uint64_t magic;
    std::uint32_t abi_version;
    std::uint32_t cpu_count;
    std::uint64_t tsc_khz;
    std::uint64_t kernel_bytes; ///< memory that the kernel kept for itself: image, per-CPU areas, boot objects
    std::uint64_t ram_bytes;    ///< usable memory that the firmware reported
    std::uint32_t module_count;
    std::uint32_t untyped_count;
    std::uint32_t asid_count;
    std::uint32_t debug_exit_port; ///< from the kernel command line `exit=PORT`: isa-debug-exit for tests, 0 = none
    std::uint64_t module_size[boot_slot::max_modules]; ///< bytes; the Region is that, rounded up to pages
    std::uint64_t untyped_size[boot_slot::max_untyped];
    char command_line[256]; ///< the kernel's, NUL-terminated
};
static_assert(sizeof(BootInfo) <= page_size);

/// Where root finds its BootInfo page and UTCB; its stack is the kernel's gift below `root_stack_top` (64 KiB, guard
/// page under it).
inline constexpr UserVirt boot_info_address{0x7000'0000'0000};
inline constexpr UserVirt root_utcb_address{0x7000'0000'2000};
inline constexpr UserVirt root_stack_top{0x7000'0010'0000};

} // namespace bulkhead
