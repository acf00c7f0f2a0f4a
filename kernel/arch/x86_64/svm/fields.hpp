// SPDX-License-Identifier: Apache-2.0
// The one table of guest state: which VMCB field is which member of the state page, and in which group. `fetch` (page
// to kernel), `expose` and `commit` are folds over it. Events and TSC_AUX are not state of the VMCB: see svm.cpp.
#pragma once

#include "vmcb.hpp"

#include <bulkhead/abi/vcpu.hpp>

namespace bulkhead::kernel::svm {

// --- transformations between the two forms
struct Same {
    template <typename T> static constexpr T to_state(T v) { return v; }
    template <typename T> static constexpr T to_vmcb(T v) { return v; }
};
/// VMRUN wants SVME set; the guest must not see it.
struct HideSvme {
    static constexpr u64 to_state(u64 v) { return v & ~efer_svme; }
    static constexpr u64 to_vmcb(u64 v) { return v | efer_svme; }
};
/// Bit 1 is always set.
struct FixedFlag {
    static constexpr u64 to_state(u64 v) { return v; }
    static constexpr u64 to_vmcb(u64 v) { return v | 2; }
};
struct Narrow {
    static constexpr u32 to_state(u64 v) { return static_cast<u32>(v); }
    static constexpr u8 to_vmcb(u32 v) { return static_cast<u8>(v); }
};
struct ShadowBit {
    static constexpr u32 to_state(u64 v) { return v & 1; }
    static constexpr u64 to_vmcb(u32 v) { return v & 1; }
};
/// Descriptor-table registers have no selector and no attributes.
struct BaseAndLimit {
    static constexpr Segment to_state(Segment s) { return {0, 0, s.limit, s.base}; }
    static constexpr Segment to_vmcb(Segment s) { return {0, 0, s.limit, s.base}; }
};

// --- places in the state page
template <auto Member> struct At {
    static constexpr auto& in(VcpuState& state) { return state.*Member; }
    static constexpr const auto& in(const VcpuState& state) { return state.*Member; }
};
template <Gpr Register> struct GprAt {
    static constexpr u64& in(VcpuState& state) { return state.gpr[static_cast<unsigned>(Register)]; }
    static constexpr const u64& in(const VcpuState& state) { return state.gpr[static_cast<unsigned>(Register)]; }
};

/// Looks once at memory that somebody else may be writing.
template <typename T> T read_once(const T& page) {
    return *static_cast<const volatile T*>(&page);
}
inline Segment read_once(const Segment& page) {
    return {read_once(page.selector), read_once(page.access), read_once(page.limit), read_once(page.base)};
}

/// One row.
template <auto VmcbField, typename Place, typename Form = Same> struct Row {
    static void fetch(const VcpuState& page, VcpuState& copy) { Place::in(copy) = read_once(Place::in(page)); }
    static void expose(const Vmcb& vmcb, VcpuState& state) { Place::in(state) = Form::to_state(vmcb.get(VmcbField)); }
    static void commit(const VcpuState& state, Vmcb& vmcb) { vmcb.set(VmcbField, Form::to_vmcb(Place::in(state))); }
};

enum class Direction : std::uint8_t { both, to_kernel };

template <VcpuGroups G, Direction D, typename... Rows> struct Group {
    static constexpr VcpuGroups group = G;

    static void fetch(const VcpuState& page, VcpuState& copy, VcpuGroups mask) {
        if (includes(mask, G)) {
            (Rows::fetch(page, copy), ...);
        }
    }
    static void expose(const Vmcb& vmcb, VcpuState& state, VcpuGroups mask) {
        if (D == Direction::both && includes(mask, G)) {
            (Rows::expose(vmcb, state), ...);
        }
    }
    static void commit(const VcpuState& state, Vmcb& vmcb, VcpuGroups mask) {
        if (includes(mask, G)) {
            (Rows::commit(state, vmcb), ...);
        }
    }
};

template <typename... Groups> struct Table {
    static void fetch(const VcpuState& page, VcpuState& copy, VcpuGroups mask) {
        (Groups::fetch(page, copy, mask), ...);
    }
    static void expose(const Vmcb& vmcb, VcpuState& state, VcpuGroups mask) {
        (Groups::expose(vmcb, state, mask), ...);
    }
    static void commit(const VcpuState& state, Vmcb& vmcb, VcpuGroups mask) {
        (Groups::commit(state, vmcb, mask), ...);
    }
};

using S = VcpuState;
using StateTable = Table<Group<VcpuGroups::ip, Direction::both,                                              //
                               Row<&VmcbSave::rip, At<&S::rip>>,                                             //
                               Row<&VmcbSave::rflags, At<&S::rflags>, FixedFlag>,                            //
                               Row<&VmcbSave::rax, GprAt<Gpr::rax>>,                                         //
                               Row<&VmcbSave::rsp, GprAt<Gpr::rsp>>,                                         //
                               Row<&VmcbControl::interrupt_shadow, At<&S::interrupt_shadow>, ShadowBit>>,    //
                         Group<VcpuGroups::mode, Direction::both,                                            //
                               Row<&VmcbSave::cr0, At<&S::cr0>>,                                             //
                               Row<&VmcbSave::cr3, At<&S::cr3>>,                                             //
                               Row<&VmcbSave::cr4, At<&S::cr4>>,                                             //
                               Row<&VmcbSave::efer, At<&S::efer>, HideSvme>,                                 //
                               Row<&VmcbSave::cs, At<&S::cs>>,                                               //
                               Row<&VmcbSave::cpl, At<&S::cpl>, Narrow>>,                                    //
                         Group<VcpuGroups::segments, Direction::both,                                        //
                               Row<&VmcbSave::ds, At<&S::ds>>, Row<&VmcbSave::es, At<&S::es>>,               //
                               Row<&VmcbSave::ss, At<&S::ss>>, Row<&VmcbSave::fs, At<&S::fs>>,               //
                               Row<&VmcbSave::gs, At<&S::gs>>, Row<&VmcbSave::ldtr, At<&S::ldtr>>,           //
                               Row<&VmcbSave::tr, At<&S::tr>>>,                                              //
                         Group<VcpuGroups::tables, Direction::both,                                          //
                               Row<&VmcbSave::gdtr, At<&S::gdtr>, BaseAndLimit>,                             //
                               Row<&VmcbSave::idtr, At<&S::idtr>, BaseAndLimit>>,                            //
                         Group<VcpuGroups::debug, Direction::both,                                           //
                               Row<&VmcbSave::dr6, At<&S::dr6>>, Row<&VmcbSave::dr7, At<&S::dr7>>,           //
                               Row<&VmcbSave::cr2, At<&S::cr2>>>,                                            //
                         Group<VcpuGroups::system_msrs, Direction::both,                                     //
                               Row<&VmcbSave::star, At<&S::star>>, Row<&VmcbSave::lstar, At<&S::lstar>>,     //
                               Row<&VmcbSave::cstar, At<&S::cstar>>, Row<&VmcbSave::sfmask, At<&S::sfmask>>, //
                               Row<&VmcbSave::kernel_gs_base, At<&S::kernel_gs_base>>,                       //
                               Row<&VmcbSave::sysenter_cs, At<&S::sysenter_cs>>,                             //
                               Row<&VmcbSave::sysenter_esp, At<&S::sysenter_esp>>,                           //
                               Row<&VmcbSave::sysenter_eip, At<&S::sysenter_eip>>>,                          //
                         Group<VcpuGroups::pat, Direction::both,                                             //
                               Row<&VmcbSave::guest_pat, At<&S::pat>>>,                                      //
                         Group<VcpuGroups::tsc, Direction::to_kernel,                                        //
                               Row<&VmcbControl::tsc_offset, At<&S::tsc_offset>>>>;

} // namespace bulkhead::kernel::svm
