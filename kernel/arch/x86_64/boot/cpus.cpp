// SPDX-License-Identifier: Apache-2.0
// See cpus.hpp. INIT-SIPI-SIPI (APM 2, 16.5; Intel MP 1.4, B.4), one processor at a time.
#include <arch/x86_64/boot/cpus.hpp>

#include <arch/x86_64/apic.hpp>
#include <arch/x86_64/cpu.hpp>
#include <arch/x86_64/registers.hpp>
#include <base/panic.hpp>
#include <sched/cpu.hpp>

#include <cstring>
#include <new>

extern "C" {
extern const std::uint8_t trampoline_begin[], trampoline_end[];
/// The block of the processor that is coming up.
std::atomic<bulkhead::kernel::arch::CpuLocal*> ap_mailbox{nullptr};
[[noreturn]] void ap_main(bulkhead::kernel::arch::CpuLocal& block);
}

namespace bulkhead::kernel::arch {

namespace {

static_assert(offsetof(Cpu, local) == 0, "GS points to the block of which `local` is the first member");

constexpr std::uint64_t answer_timeout_us = 100'000;
constexpr std::uint32_t tsc_rounds = 16;

std::atomic<bool> released{false};

/// Two CPUs hand a time stamp to and fro: each must find it in its own past.
struct TscCheck {
    std::atomic<std::uint32_t> turn;
    std::uint64_t stamp;
    std::atomic<bool> went_back;
};
constinit TscCheck tsc_check{};

void await_tsc_turn(std::uint32_t turn) {
    while (tsc_check.turn.load(std::memory_order_acquire) != turn) {
        pause();
    }
}

void take_tsc_turns(std::uint32_t parity) {
    for (std::uint32_t turn = parity; turn < 2 * tsc_rounds; turn += 2) {
        await_tsc_turn(turn);
        const std::uint64_t time = read_tsc();
        if (time < tsc_check.stamp) {
            tsc_check.went_back.store(true, std::memory_order_relaxed);
        }
        tsc_check.stamp = time;
        tsc_check.turn.store(turn + 1, std::memory_order_release);
    }
}

bool wake(CpuLocal& block, HostPhys low_page) {
    const auto page = static_cast<std::uint8_t>(low_page.value >> page_shift);
    ap_mailbox.store(&block);
    send_init(block.apic_id);
    delay_us(200); // the 10 ms of the specification are for processors older than any with SVM
    for (int i = 0; i < 2 && !block.online.load(std::memory_order_acquire); ++i) {
        send_startup(block.apic_id, page);
        delay_us(200);
    }
    const std::uint64_t end = read_tsc() + answer_timeout_us * tsc_khz() / 1000;
    while (!block.online.load(std::memory_order_acquire) && read_tsc() < end) {
        pause();
    }
    ap_mailbox.store(nullptr);
    if (!block.online.load(std::memory_order_acquire)) {
        send_init(block.apic_id); // wherever it is by now, it stays there
        delay_us(200);
        return false;
    }
    return true;
}

void report(const char* text, std::uint32_t apic_id) {
    print("bulkhead: CPU with APIC id ");
    print_decimal(apic_id);
    print(text);
}

} // namespace

Cpu& make_cpu(KernelMap& map, BootMemory& memory, CpuId id) {
    auto* cpu = new (to_virtual(map.allocate(sizeof(Cpu)))) Cpu{};
    map.make_stacks(cpu->local, id);
    invariant(svm_prepare_cpu(cpu->local, memory), "boot has memory for what it needs");
    return *cpu;
}

void start_other_cpus(const AcpiFacts& acpi, KernelMap& map, HostPhys low_page, BootFacts& facts) {
    const auto trampoline_bytes = static_cast<std::size_t>(trampoline_end - trampoline_begin);
    std::memcpy(to_virtual(low_page), trampoline_begin, trampoline_bytes);
    Cpu* spare = nullptr; // of a processor that did not answer
    for (std::uint32_t i = 0; i < acpi.cpu_count && facts.cpu_count < max_cpus; ++i) {
        const std::uint32_t apic_id = acpi.apic_ids[i];
        if (apic_id == local().apic_id) {
            continue;
        }
        if (!can_address(apic_id)) {
            report(" cannot be addressed in xAPIC mode: left out\n", apic_id);
            continue;
        }
        const CpuId id{facts.cpu_count};
        Cpu& cpu = spare != nullptr ? *spare : make_cpu(map, facts.memory, id);
        init_local(cpu.local, id, apic_id);
        tsc_check.turn.store(0);
        tsc_check.stamp = 0;
        if (!wake(cpu.local, low_page)) {
            report(" does not answer: left out\n", apic_id);
            spare = &cpu;
            continue;
        }
        spare = nullptr;
        take_tsc_turns(0);
        await_tsc_turn(2 * tsc_rounds);
        add_cpu(cpu.local);
        facts.cpus[facts.cpu_count++] = &cpu;
    }
    if (tsc_check.went_back.load()) {
        print("bulkhead: warning: the CPUs' time-stamp counters are not synchronised\n");
    }
}

void release_cpus() {
    released.store(true, std::memory_order_release);
}

} // namespace bulkhead::kernel::arch

void ap_main(bulkhead::kernel::arch::CpuLocal& block) {
    using namespace bulkhead::kernel;
    arch::init_cpu(block);
    block.root = arch::kernel_root();
    arch::init_local_apic();
    arch::svm_enable_cpu(block);
    block.online.store(true, std::memory_order_release);
    arch::take_tsc_turns(1);
    while (!arch::released.load(std::memory_order_acquire)) {
        arch::pause();
    }
    kernel_ap_start();
}
