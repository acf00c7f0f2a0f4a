// SPDX-License-Identifier: Apache-2.0
// What the boot loader says, out of Multiboot 1 or 2 information. Reads only through a PhysicalWindow and copies what
// it keeps, so the loader's data need not outlive it. Runs in host tests.
#pragma once

#include <arch/boot_facts.hpp>
#include <arch/x86_64/boot/physical_window.hpp>

namespace bulkhead::kernel::arch {

/// What of the loader's information does not go to BootFacts as it is.
struct LoaderFacts {
    static constexpr std::size_t max_memory = 128;

    struct Memory {
        PhysRange range;
        bool usable;
    };
    Memory memory[max_memory];
    std::uint32_t memory_count;
    std::uint64_t acpi_root; ///< address of a copy of the RSDP, 0 if the loader gave none
};

inline constexpr std::uint32_t multiboot1_magic = 0x2bad'b002;
inline constexpr std::uint32_t multiboot2_magic = 0x36d7'6289;

/// Fills `loader`, and command line and modules of `facts`; both are zero before. Null, or what is wrong, in words.
[[nodiscard]] const char* parse_multiboot(const PhysicalWindow& window, std::uint32_t magic, std::uint32_t address,
                                          LoaderFacts& loader, BootFacts& facts);

/// The number after `name=` in a command line of blank-separated words: decimal, or hexadecimal with 0x. False if the
/// option is missing, malformed or above `maximum` (at most 2^59).
[[nodiscard]] bool find_number(const char* command_line, const char* name, std::uint64_t maximum, std::uint64_t& value);

} // namespace bulkhead::kernel::arch
