// SPDX-License-Identifier: Apache-2.0
// Where hypercalls enter: the calling conventions (public/arch-x86/xen-x86_64.h, xen-x86_32.h) and the table of
// hypercalls. The convention is that of the code which executes the instruction, at that moment. It must not know: what
// any operation does.
#include "call.hpp"

#include "exceptions.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t cr0_pe = 1u << 0;
constexpr std::uint64_t rflags_vm = 1u << 17;
constexpr std::uint32_t vmmcall_bytes = 3;

/// Not here: -ENOSYS. The tools' hypercalls are refused whatever they ask.
constexpr Operation hypercalls[] = {
    {__HYPERVISOR_event_channel_op, event_channel_op},
    {__HYPERVISOR_sched_op, sched_op},
    {__HYPERVISOR_vcpu_op, vcpu_op},
    {__HYPERVISOR_xen_version, xen_version},
    {__HYPERVISOR_memory_op, memory_op},
    {__HYPERVISOR_grant_table_op, grant_table_op},
    {__HYPERVISOR_hvm_op, hvm_op},
    {__HYPERVISOR_set_timer_op, set_timer_op},
    {__HYPERVISOR_console_io, console_io},
    {__HYPERVISOR_vm_assist, vm_assist},
    {__HYPERVISOR_multicall, multicall},
    {__HYPERVISOR_platform_op, not_permitted},
    {__HYPERVISOR_sysctl, not_permitted},
    {__HYPERVISOR_domctl, not_permitted},
    {__HYPERVISOR_dm_op, not_permitted},
    {__HYPERVISOR_hypfs_op, not_permitted},
};

constexpr std::uint64_t low_half = 0xffff'ffff;

std::uint64_t& gpr(VcpuState& s, Gpr which) {
    return s.gpr[static_cast<std::uint32_t>(which)];
}

void take_arguments(Call& call, VcpuState& s) {
    if (call.wide) {
        call.number = gpr(s, Gpr::rax);
        call.arg[0] = gpr(s, Gpr::rdi);
        call.arg[1] = gpr(s, Gpr::rsi);
        call.arg[2] = gpr(s, Gpr::rdx);
        call.arg[3] = gpr(s, Gpr::r10);
        call.arg[4] = gpr(s, Gpr::r8);
    } else {
        call.number = gpr(s, Gpr::rax) & low_half;
        call.arg[0] = gpr(s, Gpr::rbx) & low_half;
        call.arg[1] = gpr(s, Gpr::rcx) & low_half;
        call.arg[2] = gpr(s, Gpr::rdx) & low_half;
        call.arg[3] = gpr(s, Gpr::rsi) & low_half;
        call.arg[4] = gpr(s, Gpr::rdi) & low_half;
    }
    call.arg[5] = 0; // no hypercall has a sixth
}

/// Kernel code in protected mode.
bool may_call(const VcpuState& s) {
    return (s.cr0 & cr0_pe) != 0 && (s.rflags & rflags_vm) == 0 && s.cpl == 0;
}

} // namespace

xen::Result dispatch(Call& call) {
    return run_operation<hypercalls>(call, call.number);
}

void handle_hypercall(Domain& d, Vcpu& v) {
    VcpuState& s = *v.state;
    const bool wide = in_64bit_code(s);
    xen::Result result = -XEN_EPERM;
    if (may_call(s)) {
        Call call{d, v, wide};
        take_arguments(call, s);
        result = dispatch(call);
        if (call.again && !d.ended) {
            s.interrupt_shadow = 0; // like that of any instruction that lets interrupts in half way
            v.touch(VcpuGroups::ip);
            return;
        }
    }
    const auto bits = static_cast<std::uint64_t>(result);
    gpr(s, Gpr::rax) = wide ? bits : bits & low_half;
    finish_instruction(v, s.instruction_length != 0 ? s.instruction_length : vmmcall_bytes, wide);
}

} // namespace bulkhead::vcpu
