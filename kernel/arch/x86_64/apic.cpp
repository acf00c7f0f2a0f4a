// SPDX-License-Identifier: Apache-2.0
// See apic.hpp: the local APIC, by memory or, where firmware chose so, by MSR (x2APIC).
#include <arch/x86_64/apic.hpp>

#include <arch/x86_64/registers.hpp>
#include <arch/x86_64/trap.hpp>

#include <algorithm>

namespace bulkhead::kernel::arch {

namespace {

enum class Reg : std::uint32_t {
    id = 0x20,
    eoi = 0xb0,
    spurious = 0xf0,
    request = 0x200, // 8 registers, 0x10 apart
    error_status = 0x280,
    command = 0x300,
    destination = 0x310,
    timer_lvt = 0x320,
    lint0 = 0x350,
    lint1 = 0x360,
    error_lvt = 0x370,
    initial_count = 0x380,
    current_count = 0x390,
    divide = 0x3e0,
};

constexpr std::uint64_t base_enable = 1u << 11, base_x2apic = 1u << 10;
constexpr std::uint32_t lvt_masked = 1u << 16, lvt_nmi = 4u << 8;
constexpr std::uint32_t software_enable = 1u << 8;
constexpr std::uint32_t divide_by_1 = 0b1011;
constexpr std::uint32_t deliver_nmi = 4u << 8, deliver_init = 5u << 8, deliver_startup = 6u << 8;
constexpr std::uint32_t assert_level = 1u << 14, all_but_self = 3u << 18, delivery_pending = 1u << 12;

volatile std::uint8_t* registers = nullptr; // null: x2APIC mode
std::uint64_t timer_ratio = 0;

std::uint32_t read(Reg reg) {
    const auto offset = static_cast<std::uint32_t>(reg);
    if (registers == nullptr) {
        return static_cast<std::uint32_t>(read_msr(Msr::x2apic, offset / 16));
    }
    return *reinterpret_cast<volatile std::uint32_t*>(registers + offset);
}

void write(Reg reg, std::uint32_t value) {
    const auto offset = static_cast<std::uint32_t>(reg);
    if (registers == nullptr) {
        write_msr(Msr::x2apic, value, offset / 16);
    } else {
        *reinterpret_cast<volatile std::uint32_t*>(registers + offset) = value;
    }
}

void send(std::uint32_t apic_id, std::uint32_t command) {
    // "memory": what the receiver is to see is written before it is told. WRMSR to the ICR does not serialise: hence
    // MFENCE.
    asm volatile("mfence" : : : "memory");
    if (registers == nullptr) {
        write_msr(Msr::x2apic, (std::uint64_t{apic_id} << 32) | command, static_cast<std::uint32_t>(Reg::command) / 16);
        return;
    }
    while ((read(Reg::command) & delivery_pending) != 0) {
        pause();
    }
    write(Reg::destination, apic_id << 24);
    write(Reg::command, command);
}

} // namespace

std::uint64_t local_apic_address() {
    const std::uint64_t base = read_msr(Msr::apic_base);
    return (base & base_x2apic) != 0 ? 0 : base & 0x000f'ffff'ffff'f000;
}

void set_local_apic(void* mapped) {
    registers = static_cast<volatile std::uint8_t*>(mapped);
}

void init_local_apic() {
    std::uint64_t base = read_msr(Msr::apic_base) | base_enable;
    base |= registers == nullptr ? base_x2apic : 0; // all CPUs in the mode that firmware gave the first
    write_msr(Msr::apic_base, base);
    write(Reg::spurious, software_enable | vector::spurious);
    write(Reg::timer_lvt, lvt_masked);
    write(Reg::lint0, lvt_masked);
    write(Reg::lint1, lvt_nmi);
    write(Reg::error_lvt, vector::apic_error);
    write(Reg::divide, divide_by_1);
    write(Reg::initial_count, 0);
    write(Reg::timer_lvt, vector::timer);
}

std::uint32_t local_apic_id() {
    return registers == nullptr ? read(Reg::id) : read(Reg::id) >> 24;
}

bool can_address(std::uint32_t apic_id) {
    return registers == nullptr || apic_id < 0xff;
}

void end_of_interrupt() {
    write(Reg::eoi, 0);
}

void send_interrupt(std::uint32_t apic_id, std::uint32_t vector) {
    send(apic_id, vector);
}

void send_init(std::uint32_t apic_id) {
    send(apic_id, deliver_init | assert_level);
}

void send_startup(std::uint32_t apic_id, std::uint8_t page) {
    send(apic_id, deliver_startup | assert_level | page);
}

void send_nmi_to_others() {
    send(0, all_but_self | deliver_nmi | assert_level);
}

void start_timer_count() {
    write(Reg::timer_lvt, lvt_masked | vector::timer);
    write(Reg::initial_count, ~std::uint32_t{0});
}

std::uint32_t timer_count() {
    return read(Reg::current_count);
}

void set_timer_ratio(std::uint64_t ratio) {
    timer_ratio = ratio;
    write(Reg::initial_count, 0);
    write(Reg::timer_lvt, vector::timer);
}

void arm_timer(std::uint64_t deadline_tsc) {
    if (deadline_tsc == ~std::uint64_t{0}) {
        write(Reg::initial_count, 0);
        return;
    }
    const std::uint64_t time = read_tsc();
    const std::uint64_t ticks = deadline_tsc > time ? deadline_tsc - time : 0;
    // A deadline beyond the counter's range makes the timer fire early: the kernel looks at the clock and arms it
    // again.
    const auto scaled = static_cast<unsigned __int128>(ticks) * timer_ratio >> 32;
    write(Reg::initial_count, static_cast<std::uint32_t>(std::min<unsigned __int128>(scaled + 1, ~std::uint32_t{0})));
}

bool interrupt_waiting() {
    for (std::uint32_t i = vector::first_device / 32; i < 8; ++i) {
        if (read(static_cast<Reg>(static_cast<std::uint32_t>(Reg::request) + i * 16)) != 0) {
            return true;
        }
    }
    return false;
}

} // namespace bulkhead::kernel::arch
