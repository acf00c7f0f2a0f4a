// SPDX-License-Identifier: Apache-2.0
// The CPUID policy that every domain has: which leaves exist, which bits of the host's answer pass, and what is set
// whatever the host says. It must not know: what depends on a vCPU (cpuid.cpp), nor who asks.
#pragma once

#include "cpuid.hpp"

namespace bulkhead::vcpu::cpuid_policy {

constexpr std::uint32_t bit(std::uint32_t n) {
    return 1u << n;
}
template <typename... N> constexpr std::uint32_t bits(N... n) {
    return (bit(static_cast<std::uint32_t>(n)) | ...);
}
inline constexpr std::uint32_t everything = ~0u;

inline constexpr std::uint32_t any_subleaf = ~0u;
inline constexpr std::uint32_t max_basic_leaf = 0xd;
inline constexpr std::uint32_t max_extended_leaf = 0x8000'0008;

// SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND
inline constexpr std::uint32_t leaf1_ecx = bits(0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 28, 29, 30);
// FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT PSE36 CLFLUSH MMX FXSR SSE SSE2; not MCE, MTRR, MCA
inline constexpr std::uint32_t leaf1_edx = bits(0, 1, 2, 3, 4, 5, 6, 8, 11, 13, 15, 16, 17, 19, 23, 24, 25, 26);
// FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA; not INVPCID, not AVX-512
inline constexpr std::uint32_t leaf7_ebx = bits(0, 3, 5, 7, 8, 9, 18, 19, 20, 23, 24, 29);
// UMIP PKU VAES VPCLMULQDQ RDPID; not LA57
inline constexpr std::uint32_t leaf7_ecx = bits(2, 3, 9, 10, 22);
inline constexpr std::uint32_t leaf7_edx = bits(4); // FSRM
// LAHF CR8 ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM; not SVM, OSVW, IBS, TOPOEXT, PERFCTR, MONITORX
inline constexpr std::uint32_t extended1_ecx = bits(0, 4, 5, 6, 7, 8, 11, 16, 21);
// leaf 1's again (AMD), SYSCALL NX MMXEXT FFXSR PAGE1GB RDTSCP LM 3DNOWEXT 3DNOW
inline constexpr std::uint32_t extended1_edx =
    bits(0, 1, 2, 3, 4, 5, 6, 8, 13, 15, 16, 17, 23, 24) | bits(11, 20, 22, 25, 26, 27, 29, 30, 31);

/// A leaf that guests may read: (host & mask) | set, register by register.
struct Leaf {
    std::uint32_t leaf, subleaf;
    CpuidResult mask;
    CpuidResult set;
    const char* what;
};

inline constexpr Leaf policy[] = {
    {0x0, any_subleaf, {everything, everything, everything, everything}, {}, "vendor, largest leaf"},
    {0x1,
     any_subleaf,
     {everything, 0x0000'ffff, leaf1_ecx, leaf1_edx},
     {0, bit(16), bits(21, 31), bit(9)},
     "features"}, // one logical CPU; x2APIC, hypervisor; APIC
    {0x2, any_subleaf, {everything, everything, everything, everything}, {}, "caches"},
    {0x7, 0, {0, leaf7_ebx, leaf7_ecx, leaf7_edx}, {}, "structured extended features"},
    {0xb, any_subleaf, {}, {}, "topology: the vCPU's own APIC ID"},
    {0xd, 0, {}, {}, "XSAVE: x87, SSE, AVX, PKRU as far as the host has them"},
    {0xd, 1, {bits(0, 2), 0, 0, 0}, {}, "XSAVE variants"}, // XSAVEOPT, XGETBV with ECX 1
    {0xd, 2, {everything, everything, 0, 0}, {}, "XSAVE area of AVX"},
    {0xd, 9, {everything, everything, 0, 0}, {}, "XSAVE area of PKRU"},
    {0x8000'0000, any_subleaf, {everything, everything, everything, everything}, {}, "largest extended leaf"},
    {0x8000'0001, any_subleaf, {everything, 0, extended1_ecx, extended1_edx}, {0, 0, 0, bit(9)}, "extended features"},
    {0x8000'0002, any_subleaf, {everything, everything, everything, everything}, {}, "name"},
    {0x8000'0003, any_subleaf, {everything, everything, everything, everything}, {}, "name"},
    {0x8000'0004, any_subleaf, {everything, everything, everything, everything}, {}, "name"},
    {0x8000'0005, any_subleaf, {everything, everything, everything, everything}, {}, "first-level caches"},
    {0x8000'0006, any_subleaf, {everything, everything, everything, everything}, {}, "second-level caches"},
    {0x8000'0008, any_subleaf, {0x0000'ffff, bits(0, 2), 0, 0}, {}, "address widths"}, // CLZERO, XSAVEERPTR
};

} // namespace bulkhead::vcpu::cpuid_policy
