// SPDX-License-Identifier: Apache-2.0
// AMD SVM behind the `guests` section of arch.hpp: what each CPU needs, what each vCPU starts with, and entering a
// guest. Decisions are made in the pure headers beside this file; here they meet the processor.
#include "exits.hpp"
#include "features.hpp"
#include "fields.hpp"
#include "forced.hpp"
#include "guest.hpp"
#include "inject.hpp"
#include "permission.hpp"
#include "residence.hpp"

#include <arch/boot_memory.hpp>
#include <arch/x86_64/cpu_local.hpp>
#include <arch/x86_64/registers.hpp>
#include <base/panic.hpp>

#include <new>

extern "C" void svm_run(bulkhead::HostPhys vmcb, std::uint64_t* gpr, bulkhead::HostPhys host_state);

namespace bulkhead::kernel::svm {
namespace {

/// What all CPUs share, written before the second one starts.
struct Machine {
    Features features;
    HostPhys msr_map;
    HostPhys io_map;
};
constinit Machine machine{};

/// This back end's pages for one CPU, at CpuLocal::svm_area.
struct PerCpu {
    alignas(page_size) u8 host_save[page_size];  ///< the processor's own: VM_HSAVE_PA
    alignas(page_size) u8 host_state[page_size]; ///< for VMLOAD after each exit
    AsidAllocator asids;
    Residence residence;

    explicit PerCpu(const Features& f) : asids{f.asids, f.flush_by_asid}, residence{f} {}
};
constexpr HostPhys host_state_of(HostPhys area) {
    return HostPhys{area.value + offsetof(PerCpu, host_state)};
}
/// VMSAVE and VMLOAD use the VMCB's form.
constexpr u64 fs_base_offset = sizeof(VmcbControl) + offsetof(VmcbSave, fs) + offsetof(Segment, base);
PerCpu& per_cpu(HostPhys area) {
    return *static_cast<PerCpu*>(arch::to_virtual(area));
}

constexpr auto msr_tsc_aux = static_cast<arch::Msr>(0xc000'0103);
constexpr auto msr_vm_hsave_pa = static_cast<arch::Msr>(0xc001'0117);

bool prepare_machine(BootMemory& memory) {
    machine.features = detect_features();
    if (machine.features.vector_state_bytes > vector_state_bytes) {
        panic("this processor's vector state is larger than the kernel knows how to keep");
    }
    const HostPhys maps = memory.allocate(msr_map_bytes + io_map_bytes);
    if (maps.value == 0) {
        return false;
    }
    machine.msr_map = maps;
    machine.io_map = HostPhys{maps.value + msr_map_bytes};
    fill_permission_maps(static_cast<u8*>(arch::to_virtual(machine.msr_map)),
                         static_cast<u8*>(arch::to_virtual(machine.io_map)));
    return true;
}

/// An event that still waits for delivery becomes the monitor's.
void hand_over_event(Guest& guest) {
    const u64 event = guest.vmcb.get(&VmcbControl::event_injection);
    if ((event & event_valid) != 0) {
        guest.state.interrupted = event;
        guest.vmcb.set(&VmcbControl::event_injection, 0);
    }
}

void expose(Guest& guest, VcpuGroups groups) {
    StateTable::expose(guest.vmcb, guest.state, groups);
    if (includes(groups, VcpuGroups::event)) {
        hand_over_event(guest);
    }
}

[[gnu::always_inline]] inline Status commit(const Guest& guest, VcpuGroups groups) {
    VcpuState copy{}; // only what `groups` names is fetched, once, and looked at
    StateTable::fetch(guest.state, copy, groups);
    if (includes(groups, VcpuGroups::tsc)) {
        copy.tsc_aux = read_once(guest.state.tsc_aux);
    }
    if (includes(groups, VcpuGroups::event)) {
        copy.inject = read_once(guest.state.inject);
    }
    if (!valid_state(copy, groups, machine.features.limits)) {
        return Status::bad_argument;
    }
    StateTable::commit(copy, guest.vmcb, groups);
    if (includes(groups, VcpuGroups::mode)) {
        guest.local.asid.stale = true; // VMRUN flushes nothing by itself, whatever it loads (APM 2, 15.16)
    }
    if (includes(groups, VcpuGroups::tsc) && machine.features.tsc_aux) {
        guest.local.tsc_aux = copy.tsc_aux;
    }
    if (includes(groups, VcpuGroups::event) && (copy.inject & event_valid) != 0) {
        guest.vmcb.set(&VmcbControl::event_injection, copy.inject);
        guest.state.inject = 0;
    }
    return Status::ok;
}
[[gnu::noinline]] Status commit_any(HostPhys pages, VcpuGroups groups) {
    return commit(Guest{pages}, groups);
}

EventPlan prepare_events(Guest& guest) {
    Vmcb& vmcb = guest.vmcb;
    const bool something = vmcb.get(&VmcbControl::event_injection) != 0 || guest.state.pending_vector != 0;
    if (!something && !guest.local.offering) {
        return {};
    }
    const EventPlan plan = plan_events({.interrupts_on = (vmcb.get(&VmcbSave::rflags) & guest_bit::rflags_if) != 0,
                                        .shadow = (vmcb.get(&VmcbControl::interrupt_shadow) & 1) != 0,
                                        .injected = vmcb.get(&VmcbControl::event_injection),
                                        .pending_vector = guest.state.pending_vector,
                                        .virtually = machine.features.repeats_injection});
    constexpr u32 closed_word = forced_words().misc1;
    vmcb.set(&VmcbControl::intercept_misc1, plan.open_window ? closed_word | window_intercept : closed_word);
    const u64 kept = vmcb.get(&VmcbControl::virtual_interrupt) & ~virtual_interrupt::offer; // V_TPR is the guest's
    vmcb.set(&VmcbControl::virtual_interrupt, kept | plan.virtual_interrupt);
    vmcb.set(&VmcbControl::event_injection, plan.inject);
    guest.local.offering = plan.virtual_interrupt != 0;
    if (plan.took_pending) {
        guest.state.pending_vector = 0;
    }
    return plan;
}

void prepare_translations(const arch::CpuLocal& local, PerCpu& cpu, Guest& guest, HostPhys root, bool flush) {
    const u64 shootdowns = local.shootdowns_done.load(std::memory_order_relaxed);
    const bool stale = flush || shootdowns != guest.local.shootdowns;
    guest.local.shootdowns = shootdowns;
    if (const u32 home = local.id.value + 1; guest.local.home != home) {
        guest.local.home = home; // clean bits and ASID spoke of another CPU
        guest.local.asid = {};
        guest.vmcb.mark_dirty();
    }
    guest.vmcb.set(&VmcbControl::tlb_control, cpu.asids.prepare(guest.local.asid, stale));
    guest.vmcb.set(&VmcbControl::asid, guest.local.asid.asid);
    guest.vmcb.set(&VmcbControl::nested_cr3, root.value);
}

void execute(Guest& guest, HostPhys area) {
    if constexpr (checks) {
        invariant(guest.local.after_exit.violation(guest.vmcb) < 0, "no VMCB field changes under a set clean bit");
    }
    // RDTSCP works in ring 3, so a guest's TSC_AUX may be in the CPU only while the guest is; the host's is 0.
    const u64 tsc_aux = guest.local.tsc_aux;
    if (tsc_aux != 0) {
        arch::write_msr(msr_tsc_aux, tsc_aux);
    }
    svm_run(guest.pages, guest.state.gpr, host_state_of(area));
    if (tsc_aux != 0) {
        arch::write_msr(msr_tsc_aux, 0);
    }
    guest.vmcb.mark_clean();
    if constexpr (checks) {
        guest.local.after_exit.take(guest.vmcb);
    }
}

/// Takes the interrupts that wait for the host. GIF and IF are what svm_run left; on return interrupts are off. STI
/// (which changes nothing) and NOP make also emulators look at what waits before CLI.
void take_interrupts() {
    asm volatile("stgi\n\tsti\n\tnop\n\tcli" : : : "memory");
}

void report(Guest& guest, const ExitPlan& plan, u64 code) {
    VcpuState& state = guest.state;
    state.exit_reason = static_cast<u32>(plan.reason);
    state.instruction_length = plan.length;
    state.qualification = plan.qualification;
    state.address = plan.address;
    state.native_reason = code;
    expose(guest, VcpuGroups::every_exit);
}

/// Behind an instruction that has been dealt with.
void advance(Vmcb& vmcb, u32 length) {
    u64 rip = vmcb.get(&VmcbSave::rip) + length;
    const bool in_64_bit = (vmcb.get(&VmcbSave::efer) & guest_bit::efer_lma) != 0 &&
                           (vmcb.get(&VmcbSave::cs).access & guest_bit::access_long) != 0;
    if (!in_64_bit) {
        rip &= 0xffff'ffff;
    }
    vmcb.set(&VmcbSave::rip, rip);
    vmcb.set(&VmcbControl::interrupt_shadow, 0);
}

arch::GuestExit handle_exit(Guest& guest) {
    Vmcb& vmcb = guest.vmcb;
    // An event whose delivery was cut off is delivered again, unless the monitor sees the exit and decides.
    const u64 cut_off = vmcb.get(&VmcbControl::exit_interrupt_info);
    const bool delivering = (cut_off & event_valid) != 0;
    vmcb.set(&VmcbControl::event_injection, delivering ? cut_off : 0);

    const ExitRecord record{.code = vmcb.get(&VmcbControl::exit_code),
                            .info_1 = vmcb.get(&VmcbControl::exit_info_1),
                            .info_2 = vmcb.get(&VmcbControl::exit_info_2),
                            .rip = vmcb.get(&VmcbSave::rip),
                            .next_rip = vmcb.get(&VmcbControl::next_rip),
                            .delivering = delivering};
    const ExitPlan plan = plan_exit(record);
    switch (plan.handling) {
    case Handling::host:
        return arch::GuestExit::host;
    case Handling::monitor:
        report(guest, plan, record.code);
        return arch::GuestExit::monitor;
    case Handling::skip:
        advance(vmcb, plan.length);
        return arch::GuestExit::host;
    case Handling::reinject: {
        const auto vector = static_cast<u8>(plan.qualification);
        constexpr u8 alignment_check = 17;
        vmcb.set(&VmcbControl::event_injection, vector == alignment_check
                                                    ? make_exception(vector, static_cast<u32>(plan.qualification >> 32))
                                                    : make_exception(vector));
        return arch::GuestExit::host;
    }
    case Handling::machine_check:
        break;
    }
    panic("machine check while a guest ran");
}

} // namespace
} // namespace bulkhead::kernel::svm

namespace bulkhead::kernel::arch {

using namespace svm;

bool svm_prepare_cpu(CpuLocal& local, BootMemory& memory) {
    if (machine.msr_map.value == 0 && !prepare_machine(memory)) {
        return false;
    }
    local.svm_area = memory.allocate(sizeof(PerCpu));
    if (local.svm_area.value == 0) {
        return false;
    }
    void* const place = to_virtual(local.svm_area);
    __builtin_memset(place, 0, sizeof(PerCpu));
    new (place) PerCpu{machine.features};
    return true;
}

void svm_enable_cpu(CpuLocal& local) {
    const u64 protection = machine.features.automatic_ibrs ? efer::aibrse : 0;
    write_msr(Msr::efer, read_msr(Msr::efer) | efer::svme | protection);
    write_msr(msr_vm_hsave_pa, local.svm_area.value);
    const HostPhys host_state = host_state_of(local.svm_area);
    asm volatile("vmsave %0" : : "a"(host_state.value) : "memory");
    local.fs_base_after_guest = static_cast<u64*>(to_virtual(HostPhys{host_state.value + fs_base_offset}));
    if (machine.features.tsc_aux) {
        write_msr(msr_tsc_aux, 0);
    }
}

std::uint32_t asid_count() {
    return machine.features.asids;
}

void vcpu_init(HostPhys pages) {
    Guest guest{pages};
    Vmcb& vmcb = guest.vmcb;
    constexpr InterceptWords words = forced_words();
    vmcb.set(&VmcbControl::intercept_dr, machine.features.decode_assists ? 0 : debug_control_intercepts);
    vmcb.set(&VmcbControl::intercept_exceptions, words.exceptions);
    vmcb.set(&VmcbControl::intercept_misc1, words.misc1);
    vmcb.set(&VmcbControl::intercept_misc2, words.misc2);
    vmcb.set(&VmcbControl::intercept_misc3, words.misc3);
    vmcb.set(&VmcbControl::iopm_base, machine.io_map.value);
    vmcb.set(&VmcbControl::msrpm_base, machine.msr_map.value);
    vmcb.set(&VmcbControl::nested_control, np_enable);
    vmcb.set(&VmcbControl::virtual_interrupt,
             virtual_interrupt::masking | virtual_interrupt::ignore_tpr | virtual_interrupt::priority_highest);
    // As after INIT, where it matters; the monitor says what the guest starts with.
    vmcb.set(&VmcbSave::efer, efer_svme);
    vmcb.set(&VmcbSave::cr0, arch::cr0::et);
    vmcb.set(&VmcbSave::dr6, 0xffff'0ff0);
    vmcb.set(&VmcbSave::dr7, 0x400);
    vmcb.set(&VmcbSave::rflags, 2);
    vmcb.set(&VmcbSave::guest_pat, 0x0007'0406'0007'0406);
    init_registers(guest.local.registers);
    svm::expose(guest, VcpuGroups::all);
}

Status vcpu_commit(HostPhys pages, VcpuGroups groups) {
    // What a monitor changes after nearly every exit, with the mask known to the compiler.
    return groups == VcpuGroups::ip ? svm::commit(Guest{pages}, VcpuGroups::ip) : commit_any(pages, groups);
}

void vcpu_expose(HostPhys pages, VcpuGroups groups) {
    Guest guest{pages};
    svm::expose(guest, groups);
}

GuestExit vcpu_enter(HostPhys pages, HostPhys stage2_root, bool flush) {
    const CpuLocal& here = local();
    const HostPhys area = here.svm_area;
    PerCpu& cpu = per_cpu(area);
    Guest guest{pages};
    guest.state.interrupted = 0;
    const EventPlan events = prepare_events(guest);
    cpu.residence.enter(pages, stage2_root);
    prepare_translations(here, cpu, guest, stage2_root, flush);
    execute(guest, area);
    if (was_taken(events, guest.vmcb.get(&VmcbControl::virtual_interrupt),
                  guest.vmcb.get(&VmcbControl::exit_interrupt_info))) {
        guest.state.pending_vector = 0;
    }
    const GuestExit exit = handle_exit(guest);
    take_interrupts();
    return exit;
}

void vcpu_forget(Cpu& cpu, HostPhys pages) {
    invariant(reinterpret_cast<CpuLocal*>(&cpu) == &local(), "registers are dropped on the CPU that holds them");
    per_cpu(local().svm_area).residence.forget(pages);
}

} // namespace bulkhead::kernel::arch
