// SPDX-License-Identifier: Apache-2.0
// What CPUID says to the guest: the host's answers through a policy, and Xen's own leaves (public/arch-x86/cpuid.h).
// It must not know: how the guest asked.
#pragma once

#include <cstdint>

namespace bulkhead::vcpu {

struct CpuidResult {
    std::uint32_t eax{0}, ebx{0}, ecx{0}, edx{0};
};
using HostCpuid = CpuidResult (*)(std::uint32_t leaf, std::uint32_t subleaf);

/// What the answers depend on besides the host.
struct CpuidContext {
    std::uint32_t vcpu{0};
    std::uint64_t cr4{0}; ///< OSXSAVE and OSPKE follow it
    std::uint64_t tsc_khz{0};
    std::uint32_t tsc_to_ns_mul{0};
    std::int8_t tsc_shift{0};
};

constexpr std::uint32_t apic_id_of(std::uint32_t vcpu) {
    return vcpu * 2;
}

inline constexpr std::uint32_t xen_cpuid_base = 0x4000'0000;
inline constexpr std::uint32_t hypercall_msr = 0x4000'0000;

[[nodiscard]] CpuidResult guest_cpuid(std::uint32_t leaf, std::uint32_t subleaf, HostCpuid host,
                                      const CpuidContext& context);

/// Whether the guest was told of a feature that its control registers depend on.
[[nodiscard]] bool guest_has_nx(HostCpuid host);

/// The bits of CR4 that the guest may set, by the features that it was told of.
[[nodiscard]] std::uint64_t guest_cr4_bits(HostCpuid host);
[[nodiscard]] std::uint32_t guest_physical_bits(HostCpuid host);

} // namespace bulkhead::vcpu
