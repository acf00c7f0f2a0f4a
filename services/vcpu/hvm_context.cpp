// SPDX-License-Identifier: Apache-2.0
// Checks and conversion of vcpu_hvm_context. Where the header is silent the processor decides: what VMRUN (APM
// 2 15.5.1) or VM entry (SDM 3C 27.3.1) refuses is refused here, so that the same contexts start on both. It must not
// know: which vCPU, and where the argument lay.
#include "hvm_context.hpp"

#include "entry_state.hpp"

namespace bulkhead::vcpu {

namespace {

using Error = ContextError;
using Registers32 = bulkhead_guest_VcpuHvmX86_32;
using Registers64 = bulkhead_guest_VcpuHvmX86_64;

constexpr std::uint32_t type_code = 1u << 3, type_conforming = 1u << 2, type_accessible = 1u << 1;
constexpr std::uint32_t segment_s = 1u << 4, segment_p = 1u << 7, segment_l = 1u << 9, segment_db = 1u << 10,
                        segment_g = 1u << 11;
constexpr std::uint32_t segment_unused = 0xf000;
constexpr std::uint32_t dpl_shift = 5;
constexpr std::uint16_t code64 = 0xb | segment_s | segment_p | segment_l | segment_g;
constexpr std::uint16_t data32 = 0x3 | segment_s | segment_p | segment_db | segment_g;
constexpr std::uint16_t data16 = 0x3 | segment_s | segment_p;
constexpr std::uint16_t busy_tss = 0xb | segment_p;
constexpr std::uint16_t ldt = 0x2 | segment_p;

constexpr std::uint64_t cr0_pe = 1u << 0, cr0_et = 1u << 4, cr0_nw = 1u << 29, cr0_cd = 1u << 30, cr0_pg = 1u << 31;
constexpr std::uint64_t cr4_pae = 1u << 5;
constexpr std::uint64_t efer_sce = 1u << 0, efer_lme = 1u << 8, efer_lma = 1u << 10, efer_nxe = 1u << 11;
constexpr std::uint64_t rflags_fixed = 1u << 1, rflags_vm = 1u << 17;
/// CF PF AF ZF SF TF IF DF OF IOPL NT RF VM AC VIF VIP ID, and the fixed bit 1.
constexpr std::uint64_t rflags_known = 0x003f'7fd7;
constexpr std::uint32_t canonical_bits = 48;
constexpr std::uint32_t real_mode_limit = 0xffff;

constexpr std::uint32_t level_of(std::uint32_t access) {
    return (access >> dpl_shift) & 3;
}

/// A limit in bytes as a descriptor can express it (SDM 3A 3.4.5, 3C 27.3.1.2).
bool expressible(std::uint32_t limit, std::uint32_t access) {
    constexpr std::uint32_t low = 0xfff, high = 0xfff0'0000;
    return (access & segment_g) != 0 ? (limit & low) == low : (limit & high) == 0;
}

/// What code, data and stack segments have in common.
Error check_segment(std::uint32_t access, std::uint32_t limit) {
    if ((access & segment_unused) != 0) {
        return Error::segment_reserved;
    }
    if ((access & segment_s) == 0) {
        return Error::segment_system;
    }
    if ((access & segment_p) == 0) {
        return Error::segment_not_present;
    }
    return expressible(limit, access) ? Error::none : Error::segment_limit;
}

Error check_code(const Registers32& r) {
    if (r.cs_ar == 0) {
        return Error::segment_null;
    }
    if (const Error wrong = check_segment(r.cs_ar, r.cs_limit); wrong != Error::none) {
        return wrong;
    }
    if ((r.cs_ar & type_code) == 0) {
        return Error::segment_code;
    }
    return (r.cs_ar & (segment_l | segment_db)) == (segment_l | segment_db) ? Error::segment_width : Error::none;
}

Error check_stack(const Registers32& r) {
    if (r.ss_ar == 0) {
        return Error::segment_null;
    }
    if (const Error wrong = check_segment(r.ss_ar, r.ss_limit); wrong != Error::none) {
        return wrong;
    }
    return (r.ss_ar & (type_code | type_accessible)) == type_accessible ? Error::none : Error::segment_stack;
}

/// DS and ES: all attributes zero is an unusable segment, as after loading a null selector.
Error check_data(std::uint32_t access, std::uint32_t limit, std::uint32_t level) {
    if (access == 0) {
        return Error::none;
    }
    if (const Error wrong = check_segment(access, limit); wrong != Error::none) {
        return wrong;
    }
    const bool code = (access & type_code) != 0;
    if (code && (access & type_accessible) == 0) {
        return Error::segment_data;
    }
    const bool any_level = code && (access & type_conforming) != 0;
    return any_level || level_of(access) >= level ? Error::none : Error::privilege;
}

Error check_task(const Registers32& r) {
    if ((r.tr_ar & segment_unused) != 0) {
        return Error::segment_reserved;
    }
    if (r.tr_ar == 0) {
        return Error::segment_null;
    }
    if ((r.tr_ar & segment_p) == 0) {
        return Error::segment_not_present;
    }
    if ((r.tr_ar & 0x1f) != 0xb) { // type and S
        return Error::task_segment;
    }
    return expressible(r.tr_limit, r.tr_ar) ? Error::none : Error::segment_limit;
}

/// Code runs at the stack's level; conforming code may be of a more privileged one.
Error check_levels(const Registers32& r) {
    const std::uint32_t level = level_of(r.ss_ar);
    const std::uint32_t code = level_of(r.cs_ar);
    const bool conforming = (r.cs_ar & type_conforming) != 0;
    if ((r.cr0 & cr0_pe) == 0 && (level != 0 || code != 0)) {
        return Error::privilege;
    }
    return (conforming ? code <= level : code == level) ? Error::none : Error::privilege;
}

/// Those that both modes have. Sets efer.LMA, which is the processor's to set.
Error check_control(std::uint64_t cr0, std::uint64_t cr3, std::uint64_t cr4, std::uint64_t& efer,
                    const ContextLimits& limits) {
    const bool paging = (cr0 & cr0_pg) != 0;
    if ((cr0 >> 32) != 0 || (paging && (cr0 & cr0_pe) == 0) || (cr0 & (cr0_nw | cr0_cd)) == cr0_nw) {
        return Error::cr0;
    }
    if ((cr3 >> limits.physical_bits) != 0) {
        return Error::cr3;
    }
    const std::uint64_t known = efer_sce | efer_lme | efer_lma | (limits.nx ? efer_nxe : 0);
    const bool long_mode = (efer & efer_lme) != 0 && paging;
    if ((efer & ~known) != 0 || ((efer & efer_lma) != 0 && !long_mode)) {
        return Error::efer;
    }
    if ((cr4 & ~limits.cr4) != 0 || (long_mode && (cr4 & cr4_pae) == 0)) {
        return Error::cr4;
    }
    efer |= long_mode ? efer_lma : 0;
    return Error::none;
}

Error check_flags(std::uint64_t flags, std::uint64_t cr0, std::uint64_t efer) {
    const bool may_be_8086 = (cr0 & cr0_pe) != 0 && (efer & efer_lma) == 0;
    if ((flags & ~rflags_known) != 0 || ((flags & rflags_vm) != 0 && !may_be_8086)) {
        return Error::flags;
    }
    return Error::none;
}

/// Virtual-8086 mode needs segments that this structure cannot all name (FS, GS): it is left to the guest to enter it.
Error check_32(const Registers32& r, std::uint64_t& efer, const ContextLimits& limits) {
    if (r.pad1 != 0 || r.pad2[0] != 0 || r.pad2[1] != 0 || r.pad2[2] != 0) {
        return Error::padding;
    }
    const std::uint32_t level = level_of(r.ss_ar);
    const Error checks[] = {check_code(r),
                            check_stack(r),
                            check_data(r.ds_ar, r.ds_limit, level),
                            check_data(r.es_ar, r.es_limit, level),
                            check_task(r),
                            check_levels(r),
                            r.eip <= r.cs_limit ? Error::none : Error::instruction_pointer,
                            check_control(r.cr0, r.cr3, r.cr4, efer, limits),
                            check_flags(r.eflags, r.cr0, efer),
                            (r.eflags & rflags_vm) == 0 ? Error::none : Error::flags};
    for (const Error wrong : checks) {
        if (wrong != Error::none) {
            return wrong;
        }
    }
    return Error::none;
}

Error check_64(const Registers64& r, std::uint64_t& efer, const ContextLimits& limits) {
    const std::uint64_t high = r.rip >> (canonical_bits - 1);
    if (high != 0 && high != (~std::uint64_t{0} >> (canonical_bits - 1))) {
        return Error::instruction_pointer;
    }
    if ((r.cr0 & cr0_pg) == 0) {
        return Error::cr0;
    }
    if ((r.cr4 & cr4_pae) == 0) {
        return Error::cr4;
    }
    if ((r.efer & efer_lme) == 0) {
        return Error::efer;
    }
    if (const Error wrong = check_control(r.cr0, r.cr3, r.cr4, efer, limits); wrong != Error::none) {
        return wrong;
    }
    return check_flags(r.rflags, r.cr0, efer);
}

/// What neither structure names: as after reset.
VcpuState rest_of_state(std::uint64_t cr0) {
    VcpuState s{};
    s.cr0 = cr0 | cr0_et;
    s.dr6 = 0xffff'0ff0;
    s.dr7 = 0x400;
    s.ldtr = {0, ldt, 0, 0};
    s.gdtr.limit = s.idtr.limit = real_mode_limit;
    s.pat = pat_at_reset;
    return s;
}

Segment segment(std::uint32_t access, std::uint32_t limit, std::uint64_t base, bool real_mode) {
    constexpr std::uint64_t real_mode_reach = 0xf'ffff;
    const auto selector = static_cast<std::uint16_t>(real_mode && base <= real_mode_reach ? base >> 4 : 0);
    return {selector, static_cast<std::uint16_t>(access), limit, base};
}

VcpuState to_state(const Registers32& r, std::uint64_t efer) {
    VcpuState s = rest_of_state(r.cr0);
    const std::uint32_t registers[] = {r.eax, r.ecx, r.edx, r.ebx, r.esp, r.ebp, r.esi, r.edi};
    for (std::uint32_t i = 0; i < 8; ++i) {
        s.gpr[i] = registers[i];
    }
    s.rip = r.eip;
    s.rflags = r.eflags | rflags_fixed;
    s.cr3 = r.cr3;
    s.cr4 = r.cr4;
    s.efer = efer;
    const bool real_mode = (r.cr0 & cr0_pe) == 0;
    s.cs = segment(r.cs_ar, r.cs_limit, r.cs_base, real_mode);
    s.ds = segment(r.ds_ar, r.ds_limit, r.ds_base, real_mode);
    s.ss = segment(r.ss_ar, r.ss_limit, r.ss_base, real_mode);
    s.es = segment(r.es_ar, r.es_limit, r.es_base, real_mode);
    s.tr = segment(r.tr_ar, r.tr_limit, r.tr_base, false);
    if (real_mode) { // loading a segment register there changes nothing but its base
        s.fs = s.gs = {0, data16, real_mode_limit, 0};
    }
    s.cpl = level_of(r.ss_ar);
    return s;
}

VcpuState to_state(const Registers64& r, std::uint64_t efer) {
    constexpr std::uint32_t no_limit = 0xffff'ffff;
    constexpr std::uint32_t tss_limit = 0x67;
    VcpuState s = rest_of_state(r.cr0);
    const std::uint64_t registers[] = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi};
    for (std::uint32_t i = 0; i < 8; ++i) {
        s.gpr[i] = registers[i];
    }
    s.rip = r.rip;
    s.rflags = r.rflags | rflags_fixed;
    s.cr3 = r.cr3;
    s.cr4 = r.cr4;
    s.efer = efer;
    s.cs = {0, code64, no_limit, 0};
    s.ds = s.es = s.ss = {0, data32, no_limit, 0};
    s.tr = {0, busy_tss, tss_limit, 0};
    return s;
}

} // namespace

ContextError read_hvm_context(const bulkhead_guest_VcpuHvmContext& context, const ContextLimits& limits,
                              VcpuState& state) {
    if (context.pad != 0) {
        return Error::padding;
    }
    if (context.which_cpu_regs == bulkhead_guest_VcpuHvmContext_x86_32_tag) {
        const Registers32& r = context.cpu_regs.x86_32;
        std::uint64_t efer = r.efer;
        const Error wrong = check_32(r, efer, limits);
        if (wrong == Error::none) {
            state = to_state(r, efer);
        }
        return wrong;
    }
    if (context.which_cpu_regs == bulkhead_guest_VcpuHvmContext_x86_64_tag) {
        const Registers64& r = context.cpu_regs.x86_64;
        std::uint64_t efer = r.efer;
        const Error wrong = check_64(r, efer, limits);
        if (wrong == Error::none) {
            state = to_state(r, efer);
        }
        return wrong;
    }
    return Error::mode;
}

} // namespace bulkhead::vcpu
