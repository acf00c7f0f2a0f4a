// SPDX-License-Identifier: Apache-2.0
// Entries from the architecture, and the one function that leaves the kernel.
#include "entry/run.hpp"

#include "entry/syscall.hpp"
#include "object/control.hpp"
#include "object/interrupts.hpp"
#include "object/kernel_objects.hpp"
#include "sched/lock.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel {

constinit KernelLock kernel_lock;

namespace {

/// Loads the thread's address space. False: it has none any more, and the thread is stopped.
bool load_memory(Cpu& cpu, Thread& thread) {
    AddressSpace* const memory = thread.memory.get();
    if (memory == nullptr || memory->dying()) {
        const Step step = stop(thread, Thread::State::stopped);
        static_cast<void>(step); // it runs here
        return false;
    }
    if (cpu.loaded != memory) {
        arch::load_root(memory->root());
        cpu.loaded = memory;
    }
    return true;
}

void run_idle(Cpu& cpu) {
    arch::load_root(HostPhys{0});
    cpu.loaded = nullptr;
    // Objects whose last user destroyed himself have nobody else to finish them.
    if (capabilities.reap_one() == Step::more) {
        return;
    }
    cpu.retry_after = nullptr;
    kernel_lock.release();
    arch::idle();
    kernel_lock.acquire();
}

void run_guest(Cpu& cpu, Thread& thread) {
    Vcpu& vcpu = *thread.in_guest;
    Stage2* const stage2 = vcpu.stage2.get();
    if (stage2 == nullptr || stage2->dying() || vcpu.dying()) {
        return finish_run(thread, Status::aborted);
    }
    if (EventSet* const events = thread.events.get(); events != nullptr && events->any()) {
        return finish_run(thread, Status::signalled);
    }
    const bool comes = vcpu.home_cpu != cpu.id.value;
    if (comes && vcpu.home_cpu != no_cpu) {
        return finish_run(thread, Status::busy); // its registers are still in another CPU
    }
    const bool flush = vcpu.seen_epoch != stage2->epoch || comes;
    vcpu.seen_epoch = stage2->epoch;
    vcpu.home_cpu = cpu.id.value;
    cpu.guest = stage2;
    kernel_lock.release();
    const arch::GuestExit exit = arch::vcpu_enter(vcpu.pages(), stage2->root(), flush);
    kernel_lock.acquire();
    cpu.guest = nullptr;
    if (exit == arch::GuestExit::monitor && thread.in_guest == &vcpu) {
        thread.in_guest = nullptr;
        arch::set_syscall_result(thread.frame, Status::ok, vcpu.state().exit_reason);
    }
}

} // namespace

[[noreturn]] void run() {
    Cpu& cpu = arch::this_cpu();
    for (;;) {
        Thread* const thread = scheduler::choose(cpu);
        if (thread == nullptr) {
            run_idle(cpu);
        } else if (!load_memory(cpu, *thread)) {
            continue;
        } else if (thread->in_guest != nullptr) {
            run_guest(cpu, *thread);
        } else {
            kernel_lock.release();
            arch::return_to_user(thread->frame);
        }
    }
}

extern "C" void kernel_syscall() {
    kernel_lock.acquire();
    Thread& thread = *arch::this_cpu().current;
    if (thread.runnable()) {
        handle_syscall(thread);
    } else {
        arch::restart_syscall(thread.frame); // stopped by another CPU meanwhile
    }
    run();
}

extern "C" void kernel_user_exception(std::uint64_t vector, std::uint64_t error, std::uint64_t address) {
    kernel_lock.acquire();
    Thread& thread = *arch::this_cpu().current;
    if (thread.runnable()) {
        fault(thread, vector, error, address);
    }
    run();
}

extern "C" void kernel_user_interrupt(std::uint64_t vector) {
    kernel_lock.acquire();
    arch::dispatch_interrupt(vector);
    run();
}

extern "C" void kernel_interrupt(std::uint64_t vector) {
    const Locked lock;
    arch::dispatch_interrupt(vector);
}

void on_timer() {
    scheduler::expire(arch::this_cpu(), arch::now(), on_deadline);
}

void on_kick() {
    Cpu& cpu = arch::this_cpu();
    cpu.kicked = false;
    if (Vcpu* const vcpu = cpu.evict) {
        arch::vcpu_forget(cpu, vcpu->pages());
        vcpu->home_cpu = no_cpu;
        cpu.evict = nullptr;
    }
    retry_now(cpu);
}

void on_device_interrupt(std::uint32_t gsi) {
    interrupts::deliver(gsi);
}

} // namespace bulkhead::kernel
