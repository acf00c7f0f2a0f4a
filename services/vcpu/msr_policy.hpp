// SPDX-License-Identifier: Apache-2.0
// The MSR policy that every domain has: which registers exist for guests. Others are #GP, reads and writes alike.
// It must not know: what reading and writing them does (msr.cpp).
#pragma once

#include <cstdint>

#include "cpuid.hpp"

namespace bulkhead::vcpu {

/// Registers that are handled together.
enum class MsrGroup : std::uint8_t { x2apic, apic_base, pat, efer, tsc_aux, nb_cfg, hypercall_page, count };

struct MsrPolicy {
    MsrGroup group;
    std::uint32_t first, last;
    bool writable;
    const char* what;
};

inline constexpr MsrPolicy msr_policy[] = {
    {MsrGroup::x2apic, 0x800, 0x8ff, true, "x2APIC registers, while the local APIC is in that mode"}, // the busiest
    {MsrGroup::apic_base, 0x1b, 0x1b, true, "APIC_BASE"},
    {MsrGroup::pat, 0x277, 0x277, true, "PAT"},
    {MsrGroup::efer, 0xc000'0080, 0xc000'0080, true, "EFER: SCE, LME, NXE"},
    {MsrGroup::tsc_aux, 0xc000'0103, 0xc000'0103, true, "TSC_AUX"},
    {MsrGroup::nb_cfg, 0xc001'001f, 0xc001'001f, false,
     "NB_CFG: EnableCf8ExtCfg is set, and there is nothing behind it"},
    {MsrGroup::hypercall_page, hypercall_msr, hypercall_msr, true, "where Xen's hypercall page is to be written"},
};

} // namespace bulkhead::vcpu
