// SPDX-License-Identifier: Apache-2.0
// #VMEXIT codes, APM 2 appendix C.
#pragma once

#include <cstdint>

namespace bulkhead::kernel::svm {

enum class ExitCode : std::uint64_t {
    cr_read = 0x00,  ///< + register
    cr_write = 0x10, ///< + register
    dr_read = 0x20,  ///< + register
    dr5_read = 0x25,
    dr7_read = 0x27,
    dr_write = 0x30, ///< + register
    dr5_write = 0x35,
    dr7_write = 0x37,
    exception = 0x40, ///< + vector
    interrupt = 0x60, ///< 0x60 + n: bit n of intercept word misc1
    nmi,
    smi,
    init,
    virtual_interrupt,
    cr0_selective_write,
    idtr_read,
    gdtr_read,
    ldtr_read,
    tr_read,
    idtr_write,
    gdtr_write,
    ldtr_write,
    tr_write,
    rdtsc,
    rdpmc,
    pushf,
    popf,
    cpuid,
    rsm,
    iret,
    software_interrupt,
    invd,
    pause,
    hlt,
    invlpg,
    invlpga,
    io,
    msr,
    task_switch,
    ferr_freeze,
    shutdown,
    vmrun = 0x80, ///< 0x80 + n: bit n of misc2
    vmmcall,
    vmload,
    vmsave,
    stgi,
    clgi,
    skinit,
    rdtscp,
    icebp,
    wbinvd,
    monitor,
    mwait,
    mwait_armed,
    xsetbv,
    rdpru,
    efer_write_trap,
    cr_write_trap = 0x90, ///< + register
    invlpgb = 0xa0,       ///< 0xa0 + n: bit n of misc3
    invlpgb_illegal,
    invpcid,
    mcommit,
    tlbsync,
    bus_lock,
    idle_hlt,
    nested_page_fault = 0x400,
    avic_incomplete_ipi = 0x401,
    avic_no_acceleration = 0x402,
    vmgexit = 0x403,
    invalid = 0xffff'ffff ///< compare the low 32 bits: some processors write 64 ones
};
static_assert(static_cast<unsigned>(ExitCode::shutdown) == 0x7f);
static_assert(static_cast<unsigned>(ExitCode::efer_write_trap) == 0x8f);
static_assert(static_cast<unsigned>(ExitCode::idle_hlt) == 0xa6);

} // namespace bulkhead::kernel::svm
