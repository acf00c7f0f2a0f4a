// SPDX-License-Identifier: Apache-2.0
// CPUID, APM 3 appendix E.
#include "features.hpp"

#include <arch/x86_64/registers.hpp>

namespace bulkhead::kernel::svm {
namespace {

using arch::cpuid;
using arch::CpuidResult;

constexpr bool bit(std::uint32_t word, unsigned n) {
    return ((word >> n) & 1) != 0;
}

CpuidResult leaf_if_present(std::uint32_t leaf) {
    const std::uint32_t last = cpuid(leaf & 0x8000'0000).eax;
    return leaf <= last ? cpuid(leaf) : CpuidResult{};
}

/// A bit of a control register that a feature brings.
struct Brings {
    bool present;
    unsigned bit;
};

std::uint64_t cr4_bits(const CpuidResult& basic, const CpuidResult& structured) {
    constexpr std::uint64_t always = 0x7ff; // VME to OSXMMEXCPT: every processor with SVM has them
    std::uint64_t bits = always;
    const Brings brings[] = {
        {bit(structured.ecx, 2), 11},  // UMIP
        {bit(structured.ecx, 16), 12}, // LA57
        {bit(structured.ebx, 0), 16},  // FSGSBASE
        {bit(basic.ecx, 17), 17},      // PCIDE
        {bit(basic.ecx, 26), 18},      // OSXSAVE
        {bit(structured.ebx, 7), 20},  // SMEP
        {bit(structured.ebx, 20), 21}, // SMAP
        {bit(structured.ecx, 3), 22},  // PKE
        {bit(structured.ecx, 7), 23},  // CET
    };
    for (const Brings& b : brings) {
        bits |= b.present ? std::uint64_t{1} << b.bit : 0;
    }
    return bits;
}

std::uint64_t efer_bits(const CpuidResult& extended) {
    constexpr std::uint64_t always = guest_bit::efer_lme | guest_bit::efer_lma | 1; // SCE
    std::uint64_t bits = always;
    const Brings brings[] = {
        {bit(extended.edx, 20), 11}, // NXE
        {bit(extended.edx, 25), 14}, // FFXSR
        {bit(extended.ecx, 17), 15}, // TCE
    };
    for (const Brings& b : brings) {
        bits |= b.present ? std::uint64_t{1} << b.bit : 0;
    }
    return bits;
}

} // namespace

Features detect_features() {
    const CpuidResult basic = cpuid(1);
    const CpuidResult structured = leaf_if_present(7);
    const CpuidResult extended = cpuid(0x8000'0001);
    const CpuidResult sizes = leaf_if_present(0x8000'0008);
    const CpuidResult svm = leaf_if_present(0x8000'000a);

    Features f{};
    f.asids = svm.ebx;
    f.flush_by_asid = bit(svm.edx, 6);
    f.decode_assists = bit(svm.edx, 7);
    f.tsc_aux = bit(extended.edx, 27) || bit(structured.ecx, 22);
    f.branch_barrier = bit(sizes.ebx, 12);
    f.automatic_ibrs = bit(leaf_if_present(0x8000'0021).eax, 8);
    f.repeats_injection = bit(basic.ecx, 31) && cpuid(0x4000'0000).ebx == 0x5447'4354; // "TCGT"
    if (bit(basic.ecx, 26)) {                                                          // XSAVE
        const CpuidResult area = cpuid(0xd, 0);
        f.xcr0 = (std::uint64_t{area.edx} << 32) | area.eax;
        f.vector_state_bytes = area.ecx;
    }
    f.limits.cr4 = cr4_bits(basic, structured);
    f.limits.efer = efer_bits(extended);
    constexpr std::uint64_t all_dr7 = 0xffff'ffff;
    constexpr std::uint64_t dr7_enables = 0xff;
    f.limits.dr7 = f.decode_assists ? all_dr7 : all_dr7 & ~dr7_enables;
    f.limits.physical_bits = sizes.eax & 0xff;
    f.limits.virtual_bits = bit(structured.ecx, 16) ? 57 : 48;
    return f;
}

} // namespace bulkhead::kernel::svm
