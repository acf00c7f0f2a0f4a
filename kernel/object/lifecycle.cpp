// SPDX-License-Identifier: Apache-2.0
// How kernel objects begin in the memory that a caller gave for them, and end: the capability library's Environment.
#include <new>

#include "object/control.hpp"
#include "object/kernel_objects.hpp"
#include "object/mapping.hpp"
#include "object/offers.hpp"
#include "object/portal.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel {

namespace {

constexpr std::uint32_t mappings_per_step = 64;
constexpr std::uint64_t cache_line = 64;

bool whole_pages(std::uint64_t size) {
    return size != 0 && size % page_size == 0;
}

/// Every CPU must have left the tables; then the content is forgotten mapping by mapping.
Step destroy_space(Space& space) {
    Step step = Step::done;
    for (std::uint32_t i = 0; i < cpu_count; ++i) {
        Cpu& cpu = *cpus[i];
        if (cpu.loaded != &space && cpu.guest != &space) {
            continue;
        }
        if (&cpu == &arch::this_cpu()) {
            arch::load_root(HostPhys{0});
            cpu.loaded = nullptr;
            cpu.guest = nullptr;
        } else {
            kick_and_retry(cpu); // it does not choose a thread of a dying space again
            step = Step::wait;
        }
    }
    for (std::uint32_t i = 0; step == Step::done && space.mappings != nullptr; ++i) {
        if (i == mappings_per_step) {
            return Step::more;
        }
        forget_mapping(*space.mappings);
    }
    return step;
}

Step destroy_thread(Thread& thread) {
    if (stop(thread, Thread::State::stopped) == Step::wait) {
        return Step::wait;
    }
    Cpu& here = arch::this_cpu();
    if (here.current == &thread) {
        return Step::wait; // it has asked for its own end: this CPU must leave it first
    }
    for (std::uint32_t i = 0; i < cpu_count; ++i) {
        if (cpus[i]->payer == &thread) {
            cpus[i]->payer = nullptr;
            cpus[i]->stale = true;
        }
    }
    scheduler::disarm(thread.refill);
    thread.budget.present = false;
    thread.capabilities.clear();
    thread.memory.clear();
    thread.events.clear();
    thread.fault_events.clear();
    thread.waits_for.clear();
    return Step::done;
}

Step destroy_vcpu(Vcpu& vcpu) {
    if (Thread* const runner = vcpu.runner.get(); runner != nullptr && runner->in_guest == &vcpu) {
        if (runner->running_on != no_cpu && runner->running_on != arch::this_cpu().id.value) {
            kick_and_retry(*cpus[runner->running_on]); // it leaves a dying vCPU at its next entry
            return Step::wait;
        }
        finish_run(*runner, Status::aborted);
    }
    vcpu.stage2.clear();
    vcpu.runner.clear();
    if (vcpu.home_cpu == no_cpu) {
        return Step::done;
    }
    Cpu& home = *cpus[vcpu.home_cpu];
    if (&home == &arch::this_cpu()) {
        arch::vcpu_forget(home, vcpu.pages());
        vcpu.home_cpu = no_cpu;
        return Step::done;
    }
    // Registers in another CPU can only be dropped there.
    if (home.evict == nullptr) {
        home.evict = &vcpu;
    }
    kick_and_retry(home);
    return Step::wait;
}

void destroy_event_set(EventSet& set) {
    set.bound.clear();
    if (Thread* const waiter = set.waiter.get()) {
        set.waiter.clear();
        scheduler::disarm(waiter->deadline);
        arch::set_syscall_result(waiter->frame, Status::aborted, 0);
        scheduler::resume(*waiter);
    }
}

class KernelEnvironment final : public Environment {
public:
    std::uint64_t object_bytes(ObjectType type, std::uint64_t size, std::uint64_t& alignment) override {
        alignment = page_size;
        switch (type) {
        case ObjectType::untyped:
        case ObjectType::region:
            // What consists of large pages starts where one can.
            alignment = size % large_page_size == 0 ? large_page_size : page_size;
            return whole_pages(size) ? size : 0;
        case ObjectType::cap_space:
            return size >= CapSpace::min_slots && size <= CapSpace::max_slots ? CapSpace::bytes(size) : 0;
        case ObjectType::address_space:
        case ObjectType::stage2:
            return size >= Space::min_pages && size <= Space::max_pages ? size * page_size : 0;
        case ObjectType::thread:
            return size == 0 ? 2 * page_size : 0;
        case ObjectType::portal:
            alignment = cache_line;
            return size == 0 ? sizeof(Portal) : 0;
        case ObjectType::event_set:
            return size == 0 ? 2 * page_size : 0;
        case ObjectType::vcpu:
            return size == 0 ? (1 + arch::vcpu_pages) * page_size : 0;
        case ObjectType::offers:
            return size != 0 && size <= Offers::max_table_pages ? Offers::bytes(size) : 0;
        default:
            return 0;
        }
    }

    void zero(HostPhys memory, std::uint64_t bytes) override { __builtin_memset(arch::to_virtual(memory), 0, bytes); }

    Object* construct(ObjectType type, HostPhys memory, std::uint64_t size) override {
        void* const place = arch::to_virtual(memory);
        switch (type) {
        case ObjectType::cap_space:
            return new (place) CapSpace{static_cast<std::uint32_t>(size)};
        case ObjectType::address_space: {
            auto* const space = new (place) AddressSpace{memory, size};
            arch::init_root(space->root());
            return space;
        }
        case ObjectType::stage2:
            return new (place) Stage2{memory, size};
        case ObjectType::thread:
            return new (place) Thread;
        case ObjectType::portal:
            return new (place) Portal;
        case ObjectType::event_set:
            return new (place) EventSet;
        case ObjectType::vcpu: {
            auto* const vcpu = new (place) Vcpu;
            arch::vcpu_init(vcpu->pages());
            return vcpu;
        }
        case ObjectType::offers:
            return new (place) Offers{static_cast<std::uint32_t>(size)};
        default:
            panic("only objects are constructed");
        }
    }

    Step destroy(Object& object) override {
        switch (object.type()) {
        case ObjectType::address_space:
        case ObjectType::stage2:
            return destroy_space(static_cast<Space&>(object));
        case ObjectType::thread:
            return destroy_thread(static_cast<Thread&>(object));
        case ObjectType::vcpu:
            return destroy_vcpu(static_cast<Vcpu&>(object));
        case ObjectType::portal:
            static_cast<Portal&>(object).handler.clear();
            return Step::done;
        case ObjectType::offers:
            static_cast<Offers&>(object).stage2.clear();
            return Step::done;
        case ObjectType::event_set:
            destroy_event_set(static_cast<EventSet&>(object));
            return Step::done;
        default:
            return Step::done;
        }
    }

    Step unmap(Slot& slot) override { return unmap_step(slot); }
    bool preempt() override { return arch::interrupt_waiting(); }
};

constinit KernelEnvironment environment;

} // namespace

constinit Capabilities capabilities{environment};

} // namespace bulkhead::kernel
