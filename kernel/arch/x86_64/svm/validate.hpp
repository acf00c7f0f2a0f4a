// SPDX-License-Identifier: Apache-2.0
// What a monitor may not give its guest: values that VMRUN refuses (APM 2, 15.5.1) or that the processor would have
// refused the guest itself. Everything else is accepted: real mode, unpaged, legacy paging, PAE, long mode. It looks
// only at the groups that are about to be taken.
#pragma once

#include <bulkhead/abi/vcpu.hpp>

#include <cstdint>
#include <initializer_list>

namespace bulkhead::kernel::svm {

/// What this processor has.
struct GuestLimits {
    std::uint64_t cr4;  ///< bits a guest may set
    std::uint64_t efer; ///< without SVME
    std::uint64_t dr7;  ///< see debug_control_intercepts
    std::uint32_t physical_bits;
    std::uint32_t virtual_bits; ///< 48 or 57
};

namespace guest_bit {
inline constexpr std::uint64_t cr0_pe = 1u << 0, cr0_nw = 1u << 29, cr0_cd = 1u << 30, cr0_pg = 1u << 31;
inline constexpr std::uint64_t cr4_pae = 1u << 5;
inline constexpr std::uint64_t efer_lme = 1u << 8, efer_lma = 1u << 10;
inline constexpr std::uint64_t access_long = 1u << 9, access_big = 1u << 10;
/// CF PF AF ZF SF TF IF DF OF IOPL NT RF VM AC VIF VIP ID, and the fixed bit 1.
inline constexpr std::uint64_t rflags = 0x003f'7fd7;
inline constexpr std::uint64_t rflags_if = 1u << 9;
} // namespace guest_bit

constexpr bool valid_segment(const Segment& s) {
    return (s.access >> 12) == 0;
}
constexpr bool canonical(std::uint64_t address, const GuestLimits& limits) {
    const std::uint64_t high = address >> (limits.virtual_bits - 1);
    return high == 0 || high == (~std::uint64_t{0} >> (limits.virtual_bits - 1));
}
constexpr bool valid_pat(std::uint64_t pat) {
    for (unsigned i = 0; i < 8; ++i) {
        const std::uint64_t type = (pat >> (8 * i)) & 0xff;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}
/// EVENTINJ, APM 2, 15.20.
constexpr bool valid_event(VcpuEvent event) {
    if ((event & event_valid) == 0) {
        return true;
    }
    const std::uint64_t vector = event & 0xff;
    const std::uint64_t type = (event >> 8) & 7;
    const bool known = type == 0 || type == 2 || type == 4 || (type == 3 && vector < 32 && vector != 2);
    return known && (event & 0x7fff'f000) == 0;
}

constexpr bool valid_mode(const VcpuState& s, const GuestLimits& limits) {
    using namespace guest_bit;
    const bool long_paging = (s.efer & efer_lme) != 0 && (s.cr0 & cr0_pg) != 0;
    const bool modes = !long_paging || ((s.cr0 & cr0_pe) != 0 && (s.cr4 & cr4_pae) != 0 &&
                                        (s.cs.access & (access_long | access_big)) != (access_long | access_big));
    return modes && (s.cr0 >> 32) == 0 && (s.cr0 & (cr0_cd | cr0_nw)) != cr0_nw &&
           ((s.cr0 & cr0_pg) == 0 || (s.cr0 & cr0_pe) != 0) && (s.cr4 & ~limits.cr4) == 0 &&
           (s.efer & ~limits.efer) == 0 && (s.cr3 >> limits.physical_bits) == 0 && valid_segment(s.cs) && s.cpl <= 3;
}

constexpr bool valid_segments(const VcpuState& s, const GuestLimits& limits) {
    for (const Segment* segment : {&s.ds, &s.es, &s.ss, &s.fs, &s.gs, &s.ldtr, &s.tr}) {
        if (!valid_segment(*segment)) {
            return false;
        }
    }
    return canonical(s.fs.base, limits) && canonical(s.gs.base, limits) && canonical(s.ldtr.base, limits) &&
           canonical(s.tr.base, limits);
}

/// The groups of `mask` hold nothing that no guest may have.
constexpr bool valid_state(const VcpuState& s, VcpuGroups mask, const GuestLimits& limits) {
    if (includes(mask, VcpuGroups::ip) && ((s.rflags & ~guest_bit::rflags) != 0 || s.interrupt_shadow > 1)) {
        return false;
    }
    if (includes(mask, VcpuGroups::mode) && !valid_mode(s, limits)) {
        return false;
    }
    if (includes(mask, VcpuGroups::segments) && !valid_segments(s, limits)) {
        return false;
    }
    if (includes(mask, VcpuGroups::tables) && (s.gdtr.limit > 0xffff || s.idtr.limit > 0xffff ||
                                               !canonical(s.gdtr.base, limits) || !canonical(s.idtr.base, limits))) {
        return false;
    }
    if (includes(mask, VcpuGroups::debug) && ((s.dr6 >> 32) != 0 || (s.dr7 & ~limits.dr7) != 0)) {
        return false;
    }
    if (includes(mask, VcpuGroups::system_msrs) &&
        (!canonical(s.lstar, limits) || !canonical(s.cstar, limits) || !canonical(s.kernel_gs_base, limits) ||
         !canonical(s.sysenter_esp, limits) || !canonical(s.sysenter_eip, limits))) {
        return false;
    }
    if (includes(mask, VcpuGroups::pat) && !valid_pat(s.pat)) {
        return false;
    }
    if (includes(mask, VcpuGroups::tsc) && (s.tsc_aux >> 32) != 0) {
        return false;
    }
    return !includes(mask, VcpuGroups::event) || valid_event(s.inject);
}

} // namespace bulkhead::kernel::svm
