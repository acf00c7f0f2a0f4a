// SPDX-License-Identifier: Apache-2.0
// The three pages of a vCPU (arch::vcpu_pages): control block, what the kernel keeps for it, state page.
#pragma once

#include "asid.hpp"
#include "clean_check.hpp"
#include "vmcb.hpp"

#include <arch/arch.hpp>

namespace bulkhead::kernel::svm {

/// Build option BULKHEAD_CHECKS: each entry verifies that no VMCB field changed under a set clean bit.
#ifdef BULKHEAD_CHECKS
inline constexpr bool checks = true;
#else
inline constexpr bool checks = false;
#endif

/// Room for an XSAVE area in the standard form: up to PKRU it needs 2696. On processors with more the kernel does not
/// run.
inline constexpr std::size_t vector_state_bytes = 3072;

/// Registers that VMRUN does not switch, while they are not in a CPU.
struct ExtraRegisters {
    alignas(64) u8 vector_state[vector_state_bytes]; ///< standard form
    u64 dr[4];
    u64 xcr0;
};

struct GuestLocal {
    ExtraRegisters registers;
    u64 tsc_aux;
    u32 home;       ///< CPU of the last entry, + 1; 0: it has never run
    AsidTag asid;   ///< there
    u64 shootdowns; ///< its count then
    bool offering;  ///< a virtual interrupt is, or was, offered: the VMCB says so
    CleanShadow after_exit;
};
static_assert(sizeof(GuestLocal) <= page_size);

/// A vCPU from its pages.
struct Guest {
    explicit Guest(HostPhys first) : Guest{first, arch::to_virtual(first)} {}

    HostPhys pages;
    Vmcb& vmcb;
    GuestLocal& local;
    VcpuState& state;

private:
    Guest(HostPhys first, void* page)
        : pages{first}, vmcb{*static_cast<Vmcb*>(page)}, local{*static_cast<GuestLocal*>(next(page, 1))},
          state{*static_cast<VcpuState*>(next(page, 2))} {}
    static void* next(void* page, std::uint64_t count) { return static_cast<u8*>(page) + count * page_size; }
};
static_assert(arch::vcpu_pages == 3);

} // namespace bulkhead::kernel::svm
