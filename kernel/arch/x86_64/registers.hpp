// SPDX-License-Identifier: Apache-2.0
// Control registers, model-specific registers, CPUID and ports: names and single instructions. No state, no policy.
#pragma once

#include <cstdint>

namespace bulkhead::kernel::arch {

namespace cr0 {
inline constexpr std::uint64_t pe = 1u << 0, mp = 1u << 1, ts = 1u << 3, et = 1u << 4, ne = 1u << 5, wp = 1u << 16,
                               pg = 1u << 31;
/// Outside guests: vector state is out of reach (TS: #NM).
inline constexpr std::uint64_t host = pe | mp | ts | et | ne | wp | pg;
} // namespace cr0

namespace cr4 {
inline constexpr std::uint64_t pae = 1u << 5, mce = 1u << 6, pge = 1u << 7, osfxsr = 1u << 9, umip = 1u << 11,
                               osxsave = 1u << 18, smep = 1u << 20, smap = 1u << 21;
} // namespace cr4

namespace efer {
inline constexpr std::uint64_t sce = 1u << 0, lme = 1u << 8, lma = 1u << 10, nxe = 1u << 11, svme = 1u << 12,
                               aibrse = 1u << 21;
} // namespace efer

enum class Msr : std::uint32_t {
    apic_base = 0x1b,
    pat = 0x277,
    x2apic = 0x800, ///< register at MMIO offset n: 0x800 + n / 16
    efer = 0xc000'0080,
    star = 0xc000'0081,
    lstar = 0xc000'0082,
    cstar = 0xc000'0083,
    sfmask = 0xc000'0084,
    fs_base = 0xc000'0100,
    gs_base = 0xc000'0101,
    kernel_gs_base = 0xc000'0102,
    vm_cr = 0xc001'0114,
};

inline std::uint64_t read_msr(Msr msr, std::uint32_t offset = 0) {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(static_cast<std::uint32_t>(msr) + offset));
    return (std::uint64_t{high} << 32) | low;
}

inline void write_msr(Msr msr, std::uint64_t value, std::uint32_t offset = 0) {
    asm volatile("wrmsr"
                 :
                 : "c"(static_cast<std::uint32_t>(msr) + offset), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

struct CpuidResult {
    std::uint32_t eax, ebx, ecx, edx;
};

inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

inline std::uint64_t read_cr3() {
    std::uint64_t value;
    asm volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
/// "memory": what was written to page tables before must be there.
inline void write_cr3(std::uint64_t value) {
    asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}
inline std::uint64_t read_cr2() {
    std::uint64_t value;
    asm volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
inline void write_cr0(std::uint64_t value) {
    asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}
inline void write_cr4(std::uint64_t value) {
    asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

inline std::uint64_t read_tsc() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (std::uint64_t{high} << 32) | low;
}

inline std::uint8_t in8(std::uint16_t port) {
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline void out8(std::uint16_t port, std::uint8_t value) {
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

inline void pause() {
    asm volatile("pause" : : : "memory");
}

} // namespace bulkhead::kernel::arch
