// SPDX-License-Identifier: Apache-2.0
// What each CPU knows: its queues, whom it runs and who pays. Written with the kernel lock held.
#pragma once

#include "arch/arch.hpp"
#include "object/space.hpp"
#include "object/thread.hpp"
#include <cpu_local.hpp> // of the architecture that is built: kernel/arch/<arch> is on the include path

namespace bulkhead::kernel {

class Vcpu;

struct Cpu {
    arch::CpuLocal local; ///< first: the architecture finds it through its segment base

    CpuId id{0};
    bool online{false};

    Thread* current{nullptr}; ///< executing on this CPU; null: idle
    Thread* payer{nullptr};   ///< whose CPU time it uses
    std::uint64_t charged_until{0};
    Space* loaded{nullptr};    ///< address space whose root is loaded; null: the kernel's own
    Stage2* guest{nullptr};    ///< of the guest that the CPU is in or about to enter
    bool kicked{false};        ///< a kick is on its way: more of them would only slow it down
    Thread* retrying{nullptr}; ///< threads whose system calls go on when this CPU has served its kick
    Cpu* retry_after{nullptr}; ///< the running system call cannot go on before that CPU has served its kick
    Vcpu* evict{nullptr};      ///< another CPU wants this vCPU's registers gone from here

    // Ready threads, one queue per priority
    bool stale{true}; ///< the queues or a turn have changed since the last choice
    std::uint64_t ready_mask{0};
    Thread* first[max_priority + 1]{};
    Thread* last[max_priority + 1]{};

    Timeout* timeouts{nullptr}; ///< in order
    std::uint64_t timer_armed_for{~std::uint64_t{0}};
};

/// All CPUs; count set once at boot.
extern Cpu* cpus[arch::max_cpus];
extern std::uint32_t cpu_count;

/// Makes a CPU enter the kernel and choose anew; once, however often it is asked before it has done so.
inline void kick(Cpu& cpu) {
    if (!cpu.kicked) {
        cpu.kicked = true;
        arch::kick(cpu.id);
    }
}

/// The same for the system call in progress, which needs `cpu` to leave something: it goes on afterwards.
inline void kick_and_retry(Cpu& cpu) {
    kick(cpu);
    arch::this_cpu().retry_after = &cpu;
}

} // namespace bulkhead::kernel
