// SPDX-License-Identifier: Apache-2.0
#include "system.hpp"

#include <new>

namespace bulkhead::kernel::test {

namespace {

constexpr std::uint32_t slots = 512;

void* page_aligned(std::vector<std::uint8_t>& bytes, std::uint64_t alignment = page_size) {
    const auto raw = reinterpret_cast<std::uint64_t>(bytes.data());
    return reinterpret_cast<void*>((raw + alignment - 1) & ~(alignment - 1));
}

Capability range(ObjectType type, std::uint64_t word, std::uint64_t size) {
    Capability c;
    c.type = type;
    c.rights = Rights::all;
    c.word = word;
    c.size = size;
    return c;
}

} // namespace

System::System(std::uint32_t cpu_number)
    : storage_(memory_bytes + large_page_size), space_storage_(CapSpace::bytes(slots) + page_size) {
    fake::reset(cpu_number);
    space_ = new (page_aligned(space_storage_)) CapSpace{slots};
    const auto base = reinterpret_cast<std::uint64_t>(page_aligned(storage_, large_page_size));
    capabilities.insert_root(slot(untyped), range(ObjectType::untyped, base, memory_bytes));
    capabilities.insert_root(slot(space), range(ObjectType::cap_space, reinterpret_cast<std::uint64_t>(space_), slots));
    capabilities.insert_root(slot(time_of_cpus),
                             range(ObjectType::cpu_time, (std::uint64_t{1} << cpu_number) - 1, max_priority));
    const Completion made =
        capabilities.retype(slot(untyped), ObjectType::address_space, 16, *space_, Selector{memory}, 1);
    REQUIRE(made.status == Status::ok);
}

System::~System() {
    // Nothing of this machine may stay in the kernel's global lists.
    for (std::uint32_t i = 0; i < cpu_count; ++i) {
        if (Thread* const running = cpus[i]->current) {
            running->running_on = no_cpu;
        }
        *cpus[i] = Cpu{};
        cpus[i]->id = CpuId{i};
    }
    fake::machine.interrupt_waiting = false;
    while (capabilities.revoke(slot(untyped)).preempted) {
    }
}

std::uint32_t System::make(ObjectType type, std::uint64_t size) {
    const std::uint32_t at = next_free();
    const Completion made = capabilities.retype(slot(untyped), type, size, *space_, Selector{at}, 1);
    REQUIRE(made.status == Status::ok);
    return at;
}

Thread& System::thread(std::uint32_t priority, std::uint32_t cpu, std::uint64_t budget_us, std::uint64_t period_us) {
    auto& t = object<Thread>(make(ObjectType::thread));
    t.capabilities.set(space_);
    t.memory.set(&object<AddressSpace>(memory));
    arch::init_frame(t.frame, 0x400000, 0x7000'0000, 0);
    t.configured = true;
    t.budget.present = true;
    t.budget.cpu = CpuId{cpu};
    t.budget.priority = priority;
    t.budget.budget = t.budget.left = scheduler::ticks(budget_us);
    t.budget.period = scheduler::ticks(period_us);
    return t;
}

std::uint32_t System::selector(const Thread& thread) const {
    for (std::uint32_t i = 1; i < slots; ++i) {
        if (space_->lookup(Selector{i})->capability.object() == &thread) {
            return i;
        }
    }
    return 0;
}

template <typename Enter> void System::enter(std::uint32_t cpu, Enter go_in) {
    fake::machine.current_cpu = cpu;
    try {
        go_in();
    } catch (const fake::LeftToUser&) {
    } catch (const fake::LeftToIdle&) {
    }
}

void System::start(Thread& thread) {
    scheduler::resume(thread);
}

void System::choose(std::uint32_t cpu) {
    enter(cpu, [] {
        kernel_lock.acquire();
        scheduler::account(arch::this_cpu());
        run();
    });
}

void System::call(Thread& thread, Syscall number, std::uint64_t a0, std::uint64_t a1, std::uint64_t a2,
                  std::uint64_t a3, std::uint64_t a4, std::uint64_t a5) {
    REQUIRE(thread.running_on != no_cpu);
    REQUIRE(cpus[thread.running_on]->current == &thread);
    auto& g = thread.frame.gpr;
    g[0] = static_cast<std::uint64_t>(number);
    g[7] = a0;
    g[6] = a1;
    g[2] = a2;
    g[10] = a3;
    g[8] = a4;
    g[9] = a5;
    enter(thread.running_on, [] { kernel_syscall(); });
}

Status System::invoke(Thread& thread, std::uint32_t target, Method method, std::uint64_t a, std::uint64_t b,
                      std::uint64_t c, std::uint64_t d) {
    for (int i = 0; i < 100'000; ++i) {
        const std::uint64_t rip = thread.frame.rip;
        call(thread, Syscall::invoke, target, static_cast<std::uint64_t>(method), a, b, c, d);
        if (thread.frame.rip == rip) {
            return result(thread);
        }
        thread.frame.rip = rip; // preempted: the instruction is executed again
        while (thread.running_on == no_cpu) {
            choose(thread.budget.cpu.value);
        }
    }
    FAIL("the operation never ends");
    return Status::ok;
}

void System::exception(std::uint32_t cpu, std::uint64_t vector) {
    enter(cpu, [vector] { kernel_user_exception(vector, 0, 0); });
}

void System::interrupt(std::uint32_t cpu, std::uint64_t vector) {
    if (current(cpu) != nullptr) {
        enter(cpu, [vector] { kernel_user_interrupt(vector); });
        return;
    }
    enter(cpu, [vector] { kernel_interrupt(vector); });
    choose(cpu);
}

std::uint64_t System::run_until_timer(std::uint32_t cpu, std::uint64_t until) {
    const std::uint64_t before = fake::machine.now;
    const std::uint64_t timer = fake::machine.timer[cpu];
    const std::uint64_t then = timer < until ? timer : until;
    fake::machine.now = then > before ? then : before;
    if (timer <= until) {
        fake::machine.timer[cpu] = ~std::uint64_t{0}; // one shot
        interrupt(cpu, 0);
    }
    return fake::machine.now - before;
}

} // namespace bulkhead::kernel::test
