// SPDX-License-Identifier: Apache-2.0
// The virtual machine control block, APM 2 appendix B, as typed fields. Each field names the clean bit (15.15.3) that
// vouches for the CPU's cached copy of it; the only way to write one clears that bit. It must not know what values
// mean.
#pragma once

#include <bulkhead/abi/vcpu.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace bulkhead::kernel::svm {

/// Clean bits, as bit numbers; `none`: the CPU reads the field at every VMRUN (or VMLOAD).
enum class Clean : std::uint8_t {
    intercepts = 0,      ///< intercept vectors, TSC offset, pause filter
    permission_maps = 1, ///< IOPM_BASE, MSRPM_BASE
    asid = 2,
    virtual_interrupt = 3, ///< V_TPR, V_IRQ, V_INTR_PRIO, V_IGN_TPR, V_INTR_MASKING, V_INTR_VECTOR
    nested_paging = 4,     ///< NP_ENABLE, N_CR3, G_PAT
    control_registers = 5, ///< CR0, CR3, CR4, EFER
    debug_registers = 6,
    descriptor_tables = 7,
    segments = 8, ///< CS, DS, SS, ES, CPL
    cr2 = 9,
    last_branch = 10,
    avic = 11,
    shadow_stack = 12,
    none = 32
};

template <typename T, Clean C> class Field {
public:
    using Value = T;
    static constexpr Clean clean = C;

private:
    friend class Vmcb;
    T raw_;
};

template <typename T> using Always = Field<T, Clean::none>;
template <typename T> using Control = Field<T, Clean::intercepts>;
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

/// Offset 0 of the VMCB.
struct VmcbControl {
    Control<u32> intercept_cr; ///< reads 15:0, writes 31:16
    Control<u32> intercept_dr;
    Control<u32> intercept_exceptions;
    Control<u32> intercept_misc1; ///< bit n: exit code 0x60 + n
    Control<u32> intercept_misc2; ///< bit n: exit code 0x80 + n
    Control<u32> intercept_misc3; ///< bit n: exit code 0xa0 + n
    u8 reserved_018[0x024];
    Control<u32> pause_filter;
    Field<u64, Clean::permission_maps> iopm_base;
    Field<u64, Clean::permission_maps> msrpm_base;
    Control<u64> tsc_offset;
    Field<u32, Clean::asid> asid;
    Always<u8> tlb_control;
    u8 reserved_05d[3];
    Field<u64, Clean::virtual_interrupt> virtual_interrupt;
    Always<u64> interrupt_shadow; ///< bit 0
    Always<u64> exit_code;
    Always<u64> exit_info_1;
    Always<u64> exit_info_2;
    Always<u64> exit_interrupt_info;
    Field<u64, Clean::nested_paging> nested_control; ///< bit 0: NP_ENABLE
    u8 reserved_098[0x010];
    Always<u64> event_injection;
    Field<u64, Clean::nested_paging> nested_cr3;
    Field<u64, Clean::last_branch> virtualization_enables;
    Always<u32> clean_bits;
    u8 reserved_0c4[4];
    Always<u64> next_rip;
    u8 fetched_bytes[16];
    u8 reserved_0e0[0x320];
};
static_assert(sizeof(VmcbControl) == 0x400);
static_assert(offsetof(VmcbControl, pause_filter) == 0x03c);
static_assert(offsetof(VmcbControl, iopm_base) == 0x040);
static_assert(offsetof(VmcbControl, tsc_offset) == 0x050);
static_assert(offsetof(VmcbControl, asid) == 0x058);
static_assert(offsetof(VmcbControl, tlb_control) == 0x05c);
static_assert(offsetof(VmcbControl, virtual_interrupt) == 0x060);
static_assert(offsetof(VmcbControl, interrupt_shadow) == 0x068);
static_assert(offsetof(VmcbControl, exit_code) == 0x070);
static_assert(offsetof(VmcbControl, exit_interrupt_info) == 0x088);
static_assert(offsetof(VmcbControl, nested_control) == 0x090);
static_assert(offsetof(VmcbControl, event_injection) == 0x0a8);
static_assert(offsetof(VmcbControl, nested_cr3) == 0x0b0);
static_assert(offsetof(VmcbControl, virtualization_enables) == 0x0b8);
static_assert(offsetof(VmcbControl, clean_bits) == 0x0c0);
static_assert(offsetof(VmcbControl, next_rip) == 0x0c8);
static_assert(offsetof(VmcbControl, fetched_bytes) == 0x0d0);

/// Offset 0x400 of the VMCB. A segment has the very form of the state page (`Segment`).
struct VmcbSave {
    Field<Segment, Clean::segments> es, cs, ss, ds;
    Always<Segment> fs, gs;
    Field<Segment, Clean::descriptor_tables> gdtr;
    Always<Segment> ldtr;
    Field<Segment, Clean::descriptor_tables> idtr;
    Always<Segment> tr;
    u8 reserved_0a0[0x02b];
    Field<u8, Clean::segments> cpl;
    u8 reserved_0cc[4];
    Field<u64, Clean::control_registers> efer;
    u8 reserved_0d8[0x070];
    Field<u64, Clean::control_registers> cr4, cr3, cr0;
    Field<u64, Clean::debug_registers> dr7, dr6;
    Always<u64> rflags, rip;
    u8 reserved_180[0x058];
    Always<u64> rsp;
    Field<u64, Clean::shadow_stack> s_cet, ssp, isst_address;
    Always<u64> rax;
    Always<u64> star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
    Field<u64, Clean::cr2> cr2;
    u8 reserved_248[0x020];
    Field<u64, Clean::nested_paging> guest_pat;
    Field<u64, Clean::last_branch> debug_control, branch_from, branch_to, exception_from, exception_to;
    u8 reserved_298[0x048];
    Always<u64> spec_control;
};
static_assert(offsetof(VmcbSave, fs) == 0x040 && offsetof(VmcbSave, tr) == 0x090);
static_assert(offsetof(VmcbSave, cpl) == 0x0cb);
static_assert(offsetof(VmcbSave, efer) == 0x0d0);
static_assert(offsetof(VmcbSave, cr4) == 0x148 && offsetof(VmcbSave, cr0) == 0x158);
static_assert(offsetof(VmcbSave, dr7) == 0x160 && offsetof(VmcbSave, rflags) == 0x170);
static_assert(offsetof(VmcbSave, rip) == 0x178 && offsetof(VmcbSave, rsp) == 0x1d8);
static_assert(offsetof(VmcbSave, s_cet) == 0x1e0 && offsetof(VmcbSave, rax) == 0x1f8);
static_assert(offsetof(VmcbSave, star) == 0x200 && offsetof(VmcbSave, sysenter_eip) == 0x238);
static_assert(offsetof(VmcbSave, cr2) == 0x240 && offsetof(VmcbSave, guest_pat) == 0x268);
static_assert(offsetof(VmcbSave, debug_control) == 0x270 && offsetof(VmcbSave, spec_control) == 0x2e0);
static_assert(sizeof(VmcbSave) == 0x2e8);

class Vmcb {
public:
    static constexpr u32 all_clean = 0x1fff;

    template <typename T, Clean C> T get(Field<T, C> VmcbControl::*field) const { return (control_.*field).raw_; }
    template <typename T, Clean C> T get(Field<T, C> VmcbSave::*field) const { return (save_.*field).raw_; }
    template <typename T, Clean C> void set(Field<T, C> VmcbControl::*field, std::type_identity_t<T> value) {
        write(control_.*field, value);
    }
    template <typename T, Clean C> void set(Field<T, C> VmcbSave::*field, std::type_identity_t<T> value) {
        write(save_.*field, value);
    }

    /// After an exit on this CPU the CPU's copy and this one agree; before the first entry on a CPU nothing does.
    void mark_clean() { control_.clean_bits.raw_ = all_clean; }
    void mark_dirty() { control_.clean_bits.raw_ = 0; }

private:
    static bool same(const Segment& a, const Segment& b) {
        return a.selector == b.selector && a.access == b.access && a.limit == b.limit && a.base == b.base;
    }
    template <typename T> static bool same(T a, T b) requires std::is_integral_v<T> { return a == b; }
    template <typename T, Clean C> void write(Field<T, C>& field, const T& value) {
        if constexpr (C != Clean::none) {
            if (same(field.raw_, value)) {
                return;
            }
            control_.clean_bits.raw_ &= ~(u32{1} << static_cast<unsigned>(C));
        }
        field.raw_ = value;
    }

    VmcbControl control_;
    VmcbSave save_;
    u8 reserved_[0x1000 - sizeof(VmcbControl) - sizeof(VmcbSave)];
};
static_assert(sizeof(Vmcb) == page_size && std::is_standard_layout_v<Vmcb>);

// --- values
namespace virtual_interrupt {
inline constexpr u64 pending = 1u << 8; ///< V_IRQ
inline constexpr u64 priority_highest = 0xfu << 16;
inline constexpr u64 ignore_tpr = 1u << 20;
inline constexpr u64 masking = 1u << 24; ///< V_INTR_MASKING: host interrupts obey the host's IF
constexpr u64 with(u8 vector) {
    return u64{vector} << 32;
}
inline constexpr u64 offer = pending | with(0xff); ///< what changes from entry to entry
} // namespace virtual_interrupt

namespace tlb_control {
inline constexpr u8 keep = 0;
inline constexpr u8 flush_all = 1;
inline constexpr u8 flush_this_asid = 3; ///< only with CPUID FlushByAsid
} // namespace tlb_control

inline constexpr u64 efer_svme = u64{1} << 12;
inline constexpr u64 np_enable = 1;

} // namespace bulkhead::kernel::svm
