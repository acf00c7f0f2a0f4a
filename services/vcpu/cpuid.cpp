// SPDX-License-Identifier: Apache-2.0
// CPUID's answers: the policy's table (cpuid_policy.hpp), and after it what follows the vCPU's own state. A leaf that
// is not in the table reads as zeros. It must not know: how the guest asked.
#include "cpuid.hpp"

#include <bulkhead/xen.hpp>

#include "cpuid_policy.hpp"

namespace bulkhead::vcpu {

namespace {

using namespace cpuid_policy;

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

std::uint64_t guest_cr4_bits(HostCpuid host) {
    constexpr std::uint64_t always = 0x7ff; // VME to OSXMMEXCPT: every processor that runs guests has them
    const CpuidResult basic = masked(1, 0, host);
    const CpuidResult structured = masked(7, 0, host);
    const struct {
        std::uint32_t present;
        std::uint32_t cr4_bit;
    } brings[] = {
        {structured.ecx & bit(2), 11},  // UMIP
        {structured.ebx & bit(0), 16},  // FSGSBASE
        {basic.ecx & bit(26), 18},      // OSXSAVE
        {structured.ebx & bit(7), 20},  // SMEP
        {structured.ebx & bit(20), 21}, // SMAP
        {structured.ecx & bit(3), 22},  // PKE
    };
    std::uint64_t bits = always;
    for (const auto& b : brings) {
        bits |= b.present != 0 ? std::uint64_t{1} << b.cr4_bit : 0;
    }
    return bits;
}

std::uint32_t guest_physical_bits(HostCpuid host) {
    return masked(0x8000'0008, 0, host).eax & 0xff;
}

} // namespace bulkhead::vcpu
