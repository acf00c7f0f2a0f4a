// SPDX-License-Identifier: Apache-2.0
// The vCPU state page: a guest's registers in one neutral form for SVM and VMX, shared by the kernel and the one
// monitor thread that runs the vCPU.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

/// Order of the general-purpose registers in `VcpuState::gpr`: the x86 encoding.
enum class Gpr : std::uint8_t { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };

/// Groups of guest state. The general-purpose registers but rax and rsp are always current, in both directions.
enum class VcpuGroups : std::uint64_t {
    none = 0,
    ip = 1u << 0,          ///< rip, rflags, gpr[rax], gpr[rsp], interrupt shadow
    mode = 1u << 1,        ///< cr0, cr3, cr4, efer, cs, cpl; what the CPU has cached of the guest's tables goes as well
    segments = 1u << 2,    ///< ds, es, ss, fs, gs, ldtr, tr
    tables = 1u << 3,      ///< gdtr, idtr
    debug = 1u << 4,       ///< dr6, dr7, cr2
    system_msrs = 1u << 5, ///< star, lstar, cstar, sfmask, kernel_gs_base, sysenter_*
    pat = 1u << 6,
    tsc = 1u << 7,                                  ///< tsc_offset, tsc_aux (monitor -> kernel only)
    event = 1u << 8,                                ///< inject (monitor -> kernel), interrupted (kernel -> monitor)
    every_exit = (1u << 0) | (1u << 1) | (1u << 8), ///< what an exit exposes by itself
    all = 0x1ff
};
constexpr VcpuGroups operator|(VcpuGroups a, VcpuGroups b) {
    return static_cast<VcpuGroups>(static_cast<std::uint64_t>(a) | static_cast<std::uint64_t>(b));
}
constexpr bool includes(VcpuGroups have, VcpuGroups want) {
    return (static_cast<std::uint64_t>(have) & static_cast<std::uint64_t>(want)) == static_cast<std::uint64_t>(want);
}

/// Why `vcpu_run` returned.
enum class ExitReason : std::uint32_t {
    none = 0,
    cpuid,     ///< instruction_length 2
    hlt,       ///< whatever RFLAGS.IF says; the monitor decides whether to wait
    hypercall, ///< VMMCALL or VMCALL
    rdmsr,     ///< MSR number in gpr[rcx]
    wrmsr,
    io,           ///< qualification: IoExit
    stage2_fault, ///< address: the guest-physical address; qualification: Stage2Fault bits
    triple_fault,
    invalid_state, ///< the CPU refused the guest's state (VMEXIT_INVALID)
    exception,     ///< an intercepted exception; qualification: vector | error code << 32
    privileged, ///< an instruction that no guest may use (VMRUN family, MONITOR, MWAIT, RDPMC, SKINIT, ...): inject #UD
    /// MOV to or from DR7, where the CPU cannot be trusted with a guest's breakpoints: `dr7` then takes no enable bits,
    /// the monitor keeps what the guest wrote and gives it back.
    debug_control,
    count
};

/// `qualification` of ExitReason::io. The next instruction is at rip + instruction_length.
struct IoExit {
    std::uint16_t port;
    std::uint8_t width; ///< bytes: 1, 2, 4
    bool in, string, rep;

    constexpr std::uint64_t pack() const {
        return std::uint64_t{port} | (std::uint64_t{width} << 16) | (std::uint64_t{in} << 24) |
               (std::uint64_t{string} << 25) | (std::uint64_t{rep} << 26);
    }
    static constexpr IoExit unpack(std::uint64_t q) {
        return {static_cast<std::uint16_t>(q), static_cast<std::uint8_t>(q >> 16), ((q >> 24) & 1) != 0,
                ((q >> 25) & 1) != 0, ((q >> 26) & 1) != 0};
    }
};

/// Bits of `qualification` for ExitReason::stage2_fault.
namespace stage2_fault {
inline constexpr std::uint64_t present = 1u << 0; ///< a mapping exists but forbids the access
inline constexpr std::uint64_t write = 1u << 1;
inline constexpr std::uint64_t execute = 1u << 2;
inline constexpr std::uint64_t table_walk = 1u << 3; ///< the access was the guest's own page walk
} // namespace stage2_fault

/// A segment register with its hidden part. `access`: type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11 (the SVM
/// form, APM 2 15.5.1; the VMX back end converts), unusable = P clear.
struct Segment {
    std::uint16_t selector;
    std::uint16_t access;
    std::uint32_t limit; ///< in bytes, expanded by G
    std::uint64_t base;
};
static_assert(sizeof(Segment) == 16);

/// An event to inject, or one whose delivery an exit interrupted. The EVENTINJ form (APM 2 15.20): vector 7:0, type
/// 10:8 (0 external interrupt, 2 NMI, 3 exception, 4 software interrupt), error code valid 11, valid 31, error code
/// 63:32.
using VcpuEvent = std::uint64_t;
inline constexpr VcpuEvent event_valid = std::uint64_t{1} << 31;
inline constexpr VcpuEvent event_has_error = std::uint64_t{1} << 11;
constexpr VcpuEvent make_exception(std::uint8_t vector) {
    return event_valid | (3u << 8) | vector;
}
constexpr VcpuEvent make_exception(std::uint8_t vector, std::uint32_t error) {
    return event_valid | event_has_error | (3u << 8) | vector | (VcpuEvent{error} << 32);
}
constexpr VcpuEvent make_interrupt(std::uint8_t vector) {
    return event_valid | vector;
}

struct VcpuState {
    std::uint64_t gpr[16];
    std::uint64_t rip, rflags;
    std::uint64_t cr0, cr2, cr3, cr4, efer; ///< efer as the guest sees it: no SVME
    std::uint64_t dr6, dr7;
    Segment es, cs, ss, ds, fs, gs, ldtr, tr;
    Segment gdtr, idtr; ///< base and limit only
    std::uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
    std::uint64_t pat, tsc_offset, tsc_aux;
    std::uint32_t cpl;
    std::uint32_t interrupt_shadow; ///< 1: the next instruction cannot be interrupted (STI, MOV SS)

    // events
    VcpuEvent inject;      ///< monitor -> kernel, group `event`: delivered on the next entry, then cleared
    VcpuEvent interrupted; ///< kernel -> monitor: delivery of this event was cut off by the exit
    /// External interrupt to deliver as soon as the guest can take one: vector | 0x100, 0 = none. The kernel looks at
    /// it on each entry and at each window, and clears it when it has injected it: no exit to the monitor.
    std::uint32_t pending_vector;
    std::uint32_t reserved;

    // the last exit
    std::uint32_t exit_reason;        ///< ExitReason
    std::uint32_t instruction_length; ///< of the instruction that exited; 0: not known, decode it
    std::uint64_t qualification;
    std::uint64_t address;
    std::uint64_t native_reason; ///< the CPU's own code, for logs
};
static_assert(sizeof(VcpuState) <= page_size);

} // namespace bulkhead
