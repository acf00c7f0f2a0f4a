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

constexpr Gpr arguments64[] = {Gpr::rdi, Gpr::rsi, Gpr::rdx, Gpr::r10, Gpr::r8};
constexpr Gpr arguments32[] = {Gpr::rbx, Gpr::rcx, Gpr::rdx, Gpr::rsi, Gpr::rdi};

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

std::uint64_t& gpr(VcpuState& s, Gpr which) {
    return s.gpr[static_cast<std::uint32_t>(which)];
}

/// Kernel code in protected mode.
bool may_call(const VcpuState& s) {
    return (s.cr0 & cr0_pe) != 0 && (s.rflags & rflags_vm) == 0 && s.cpl == 0;
}

} // namespace

xen::Result run_operation(Call& call, std::uint64_t number, std::span<const Operation> table) {
    for (const Operation& operation : table) {
        if (operation.number == number) {
            return operation.run(call);
        }
    }
    return -XEN_ENOSYS;
}

xen::Result dispatch(Call& call) {
    return run_operation(call, call.number, hypercalls);
}

void handle_hypercall(Domain& d, Vcpu& v) {
    VcpuState& s = *v.state;
    const bool wide = in_64bit_code(s);
    xen::Result result = -XEN_EPERM;
    if (may_call(s)) {
        const std::uint64_t low = wide ? ~std::uint64_t{0} : 0xffff'ffff;
        Call call{d, v, d.access(v), gpr(s, Gpr::rax) & low, {}, wide, false, d.processor.now()};
        for (std::size_t i = 0; i < std::size(arguments64); ++i) {
            call.arg[i] = gpr(s, (wide ? arguments64 : arguments32)[i]) & low;
        }
        result = dispatch(call);
        if (call.again && !d.ended) {
            s.interrupt_shadow = 0; // like that of any instruction that lets interrupts in half way
            v.touch(VcpuGroups::ip);
            return;
        }
    }
    const auto bits = static_cast<std::uint64_t>(result);
    gpr(s, Gpr::rax) = wide ? bits : bits & 0xffff'ffff;
    finish_instruction(v, s.instruction_length != 0 ? s.instruction_length : vmmcall_bytes);
}

} // namespace bulkhead::vcpu
