// SPDX-License-Identifier: Apache-2.0
// The CPUID policy. One table says which leaves exist and which bits of the host's answer pass; what follows the vCPU's
// own state is added after it. A leaf that is not in the table reads as zeros. It must not know: how the guest asked.
#include "cpuid.hpp"

#include <bulkhead/xen.hpp>

namespace bulkhead::vcpu {

namespace {

constexpr std::uint32_t bit(std::uint32_t n) {
    return 1u << n;
}
template <typename... N> constexpr std::uint32_t bits(N... n) {
    return (bit(static_cast<std::uint32_t>(n)) | ...);
}
constexpr std::uint32_t everything = ~0u;

constexpr std::uint32_t any_subleaf = ~0u;
constexpr std::uint32_t max_basic_leaf = 0xd;
constexpr std::uint32_t max_extended_leaf = 0x8000'0008;

// SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND
constexpr std::uint32_t leaf1_ecx = bits(0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 28, 29, 30);
// FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT PSE36 CLFLUSH MMX FXSR SSE SSE2; not MCE, MTRR, MCA
constexpr std::uint32_t leaf1_edx = bits(0, 1, 2, 3, 4, 5, 6, 8, 11, 13, 15, 16, 17, 19, 23, 24, 25, 26);
// FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA; not INVPCID, not AVX-512
constexpr std::uint32_t leaf7_ebx = bits(0, 3, 5, 7, 8, 9, 18, 19, 20, 23, 24, 29);
// UMIP PKU VAES VPCLMULQDQ RDPID; not LA57
constexpr std::uint32_t leaf7_ecx = bits(2, 3, 9, 10, 22);
constexpr std::uint32_t leaf7_edx = bits(4); // FSRM
// LAHF CR8 ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM; not SVM, OSVW, IBS, TOPOEXT, PERFCTR, MONITORX
constexpr std::uint32_t extended1_ecx = bits(0, 4, 5, 6, 7, 8, 11, 16, 21);
// leaf 1's again (AMD), SYSCALL NX MMXEXT FFXSR PAGE1GB RDTSCP LM 3DNOWEXT 3DNOW
constexpr std::uint32_t extended1_edx =
    bits(0, 1, 2, 3, 4, 5, 6, 8, 13, 15, 16, 17, 23, 24) | bits(11, 20, 22, 25, 26, 27, 29, 30, 31);

/// A leaf that guests may read: (host & mask) | set, register by register.
struct Leaf {
    std::uint32_t leaf, subleaf;
    CpuidResult mask;
    CpuidResult set;
};

constexpr Leaf policy[] = {
    {0x0, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x1,
     any_subleaf,
     {everything, 0x0000'ffff, leaf1_ecx, leaf1_edx},
     {0, bit(16), bits(21, 31), bit(9)}}, // one logical CPU; x2APIC, hypervisor; APIC
    {0x2, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x7, 0, {0, leaf7_ebx, leaf7_ecx, leaf7_edx}, {}},
    {0xd, 1, {bits(0, 2), 0, 0, 0}, {}}, // XSAVEOPT, XGETBV with ECX 1
    {0xd, 2, {everything, everything, 0, 0}, {}},
    {0xd, 9, {everything, everything, 0, 0}, {}},
    {0x8000'0000, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x8000'0001, any_subleaf, {everything, 0, extended1_ecx, extended1_edx}, {0, 0, 0, bit(9)}},
    {0x8000'0002, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x8000'0003, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x8000'0004, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x8000'0005, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x8000'0006, any_subleaf, {everything, everything, everything, everything}, {}},
    {0x8000'0008, any_subleaf, {0x0000'ffff, bits(0, 2), 0, 0}, {}}, // CLZERO, XSAVEERPTR
};

constexpr std::uint64_t cr4_osxsave = 1u << 18;
constexpr std::uint64_t cr4_pke = 1u << 22;

constexpr std::uint32_t xstate_components = bits(0, 1, 2, 9); // x87, SSE, AVX, PKRU
constexpr std::uint32_t xstate_legacy_bytes = 576;

/// The state components that both the host has and a 4 KiB save area holds.
std::uint32_t guest_xstate(HostCpuid host) {
    return host(0xd, 0).eax & xstate_components;
}

/// Bytes of a save area with those components.
std::uint32_t xstate_bytes(std::uint32_t components, HostCpuid host) {
    std::uint32_t bytes = xstate_legacy_bytes;
    for (std::uint32_t n = 2; n < 32; ++n) {
        if ((components & bit(n)) != 0) {
            const CpuidResult area = host(0xd, n);
            bytes = area.ebx + area.eax > bytes ? area.ebx + area.eax : bytes;
        }
    }
    return bytes;
}

/// A family 0xf guest goes looking for an AGP bridge, port by port. No such CPU has nested paging: it is an emulator's
/// name for "some AMD CPU". Family 0x1a is the one for which guests know the fewest hardware bugs to work around.
std::uint32_t presented_signature(std::uint32_t eax) {
    constexpr std::uint32_t zen5 = 0x00b0'0f21;
    const std::uint32_t base_family = (eax >> 8) & 0xf;
    const std::uint32_t extended_family = (eax >> 20) & 0xff;
    return base_family == 0xf && extended_family == 0 ? zen5 : eax;
}

CpuidResult xen_leaf(std::uint32_t leaf, std::uint32_t subleaf, HostCpuid host, const CpuidContext& c) {
    switch (leaf - xen_cpuid_base) {
    case 0:
        return {xen_cpuid_base + 4, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
    case 1:
        return {(xen::version_major << 16) | xen::version_minor, 0, 0, 0};
    case 2:
        return {1, hypercall_msr, 0, 0};
    case 3:
        if (subleaf == 0) {
            const std::uint32_t rdtscp = (host(0x8000'0001, 0).edx & bit(27)) != 0 ? bit(2) : 0;
            return {rdtscp, 0, static_cast<std::uint32_t>(c.tsc_khz), 0};
        }
        if (subleaf == 1) {
            return {0, 0, c.tsc_to_ns_mul, static_cast<std::uint32_t>(static_cast<std::int32_t>(c.tsc_shift))};
        }
        return subleaf == 2 ? CpuidResult{static_cast<std::uint32_t>(c.tsc_khz), 0, 0, 0} : CpuidResult{};
    case 4:
        return subleaf == 0 ? CpuidResult{XEN_HVM_CPUID_VCPU_ID_PRESENT, c.vcpu, 0, 0} : CpuidResult{};
    default:
        return {};
    }
}

CpuidResult masked(std::uint32_t leaf, std::uint32_t subleaf, HostCpuid host) {
    for (const Leaf& p : policy) {
        if (p.leaf == leaf && (p.subleaf == any_subleaf || p.subleaf == subleaf)) {
            const CpuidResult h = host(leaf, subleaf);
            return {(h.eax & p.mask.eax) | p.set.eax, (h.ebx & p.mask.ebx) | p.set.ebx,
                    (h.ecx & p.mask.ecx) | p.set.ecx, (h.edx & p.mask.edx) | p.set.edx};
        }
    }
    return {};
}

/// What depends on the vCPU, or on more than one answer of the host.
void adjust(CpuidResult& r, std::uint32_t leaf, std::uint32_t subleaf, HostCpuid host, const CpuidContext& c) {
    switch (leaf) {
    case 0x0:
        r.eax = r.eax < max_basic_leaf ? r.eax : max_basic_leaf;
        break;
    case 0x1:
        r.eax = presented_signature(r.eax);
        r.ebx |= apic_id_of(c.vcpu) << 24;
        r.ecx |= (r.ecx & bit(26)) != 0 && (c.cr4 & cr4_osxsave) != 0 ? bit(27) : 0;
        break;
    case 0x7:
        r.ecx |= subleaf == 0 && (r.ecx & bit(3)) != 0 && (c.cr4 & cr4_pke) != 0 ? bit(4) : 0;
        break;
    case 0xb: // no topology but the identity
        r.ecx = subleaf & 0xff;
        r.edx = apic_id_of(c.vcpu);
        break;
    case 0xd:
        if (subleaf == 0) {
            // EBX should follow XCR0, which the guest may set without an exit: say what all components together need.
            const std::uint32_t components = guest_xstate(host);
            const std::uint32_t size = xstate_bytes(components, host);
            r = components == 0 ? CpuidResult{} : CpuidResult{components, size, size, 0};
        } else if (subleaf > 1 && (subleaf >= 32 || (guest_xstate(host) & bit(subleaf)) == 0)) {
            r = {};
        }
        break;
    case 0x8000'0000:
        r.eax = r.eax < max_extended_leaf ? r.eax : max_extended_leaf;
        break;
    case 0x8000'0001:
        r.eax = presented_signature(r.eax);
        break;
    default:
        break;
    }
}

} // namespace

CpuidResult guest_cpuid(std::uint32_t leaf, std::uint32_t subleaf, HostCpuid host, const CpuidContext& context) {
    if (leaf >= xen_cpuid_base && leaf < xen_cpuid_base + 0x1'0000) {
        return xen_leaf(leaf, subleaf, host, context);
    }
    CpuidResult r = masked(leaf, subleaf, host);
    adjust(r, leaf, subleaf, host, context);
    return r;
}

bool guest_has_nx(HostCpuid host) {
    return (masked(0x8000'0001, 0, host).edx & bit(20)) != 0;
}

} // namespace bulkhead::vcpu
