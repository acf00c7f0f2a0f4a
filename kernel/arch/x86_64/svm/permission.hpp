// SPDX-License-Identifier: Apache-2.0
// The MSR permission map (APM 2, 15.11) and the MSRs that guests access without an exit. The I/O permission map is all
// ones.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead::kernel::svm {

inline constexpr std::size_t msr_map_bytes = 8192;
inline constexpr std::size_t io_map_bytes = 3 * 4096; ///< 64 K ports and the three that a wide access may reach beyond

/// Place of an MSR's two bits: even bit read, odd bit write. `bit` is msr_map_bits for MSRs that have none: they always
/// exit.
inline constexpr std::uint32_t msr_map_bits = msr_map_bytes * 8;
constexpr std::uint32_t msr_bit(std::uint32_t msr) {
    constexpr std::uint32_t range_msrs = 0x2000;
    constexpr std::uint32_t bases[] = {0x0000'0000, 0xc000'0000, 0xc001'0000};
    std::uint32_t first = 0;
    for (const std::uint32_t base : bases) {
        if (msr >= base && msr - base < range_msrs) {
            return first + 2 * (msr - base);
        }
        first += 2 * range_msrs;
    }
    return msr_map_bits;
}

struct PassThrough {
    std::uint32_t msr;
    bool write;
    const char* why;
};
inline constexpr PassThrough pass_through[] = {
    {0x174, true, "SYSENTER_CS: VMLOAD and VMSAVE switch it"},
    {0x175, true, "SYSENTER_ESP: the same"},
    {0x176, true, "SYSENTER_EIP: the same"},
    {0xc000'0081, true, "STAR: the same"},
    {0xc000'0082, true, "LSTAR: the same"},
    {0xc000'0083, true, "CSTAR: the same"},
    {0xc000'0084, true, "SFMASK: the same"},
    {0xc000'0100, true, "FS.base: the same"},
    {0xc000'0101, true, "GS.base: the same"},
    {0xc000'0102, true, "KernelGSbase: the same"},
    {0xc000'0103, false, "TSC_AUX: the guest's while it runs; a write must reach the saved value"},
};

/// Fills both maps.
inline void fill_permission_maps(std::uint8_t* msr_map, std::uint8_t* io_map) {
    for (std::size_t i = 0; i < msr_map_bytes; ++i) {
        msr_map[i] = 0xff;
    }
    for (std::size_t i = 0; i < io_map_bytes; ++i) {
        io_map[i] = 0xff;
    }
    for (const PassThrough& p : pass_through) {
        const std::uint32_t bit = msr_bit(p.msr);
        const std::uint32_t mask = (p.write ? 3u : 1u) << (bit % 8);
        msr_map[bit / 8] = static_cast<std::uint8_t>(msr_map[bit / 8] & ~mask);
    }
}

} // namespace bulkhead::kernel::svm
