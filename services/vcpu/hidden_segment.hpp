// SPDX-License-Identifier: Apache-2.0
// The hidden part of a segment register in the three forms that it has: ours (`Segment`, bulkhead/abi/vcpu.hpp), that
// of SVM's control block (APM 2 15.5.1) and that of VMX (SDM 3C 25.4.1). The processors disagree in where the
// attributes lie and in how a segment that cannot be used is told: by P clear, or by a bit of its own. Pure.
#pragma once

#include <bulkhead/abi/vcpu.hpp>

namespace bulkhead::vcpu {

/// 16 bytes of the VMCB's save area. Attributes: descriptor bits 55:52 and 47:40 in one number.
struct SvmSegment {
    std::uint16_t selector;
    std::uint16_t attributes;
    std::uint32_t limit;
    std::uint64_t base;

    friend bool operator==(const SvmSegment&, const SvmSegment&) = default;
};
static_assert(sizeof(SvmSegment) == 16);

/// Four fields of the VMCS. Access rights: the attributes where the descriptor's second half has them, less 8 bits, and
/// bit 16 for "unusable".
struct VmxSegment {
    static constexpr std::uint32_t unusable = 1u << 16;

    std::uint16_t selector;
    std::uint32_t limit;
    std::uint32_t access_rights;
    std::uint64_t base;

    friend bool operator==(const VmxSegment&, const VmxSegment&) = default;
};

namespace hidden {
inline constexpr std::uint16_t present = 1u << 7;
inline constexpr std::uint16_t low = 0x00ff;  ///< type, S, DPL, P: the same everywhere
inline constexpr std::uint16_t high = 0x0f00; ///< AVL, L, D/B, G: at 11:8 here and in SVM, at 15:12 in VMX
inline constexpr std::uint32_t vmx_shift = 4;
} // namespace hidden

constexpr SvmSegment to_svm(const Segment& s) {
    return {s.selector, static_cast<std::uint16_t>(s.access & (hidden::low | hidden::high)), s.limit, s.base};
}
constexpr Segment from_svm(const SvmSegment& s) {
    return {s.selector, static_cast<std::uint16_t>(s.attributes & (hidden::low | hidden::high)), s.limit, s.base};
}

constexpr VmxSegment to_vmx(const Segment& s) {
    const std::uint32_t rights = (s.access & hidden::low) |
                                 (static_cast<std::uint32_t>(s.access & hidden::high) << hidden::vmx_shift) |
                                 ((s.access & hidden::present) == 0 ? VmxSegment::unusable : 0);
    return {s.selector, s.limit, rights, s.base};
}
/// A segment is not present for us if it is either not present or unusable there.
constexpr Segment from_vmx(const VmxSegment& s) {
    const auto access = static_cast<std::uint16_t>((s.access_rights & hidden::low) |
                                                   ((s.access_rights >> hidden::vmx_shift) & hidden::high));
    const bool usable = (s.access_rights & VmxSegment::unusable) == 0;
    return {s.selector, static_cast<std::uint16_t>(usable ? access : access & ~hidden::present), s.limit, s.base};
}

} // namespace bulkhead::vcpu
