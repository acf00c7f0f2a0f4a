// SPDX-License-Identifier: Apache-2.0
// Uses its local APIC by memory accesses, with every kind of instruction that a compiler might choose for them, and
// sends itself interrupts. It must not know: that somebody decodes its instructions.
#include "cpu.hpp"
#include "guest.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t apic_base = 0xfee0'0000;
constexpr std::uint32_t version = 0x30, task_priority = 0x80, end_of_interrupt = 0xb0, spurious = 0xf0, command = 0x300;
constexpr std::uint32_t software_enable = 0x100;
constexpr std::uint32_t to_self = 1u << 18;
constexpr std::uint8_t vector = 0x41;
constexpr std::uint32_t interrupts = 5;

std::uint32_t taken;
std::uint32_t failures;

volatile std::uint32_t& reg(std::uint32_t offset) {
    return *at_physical<volatile std::uint32_t>(apic_base + offset);
}

void check(const char* what, bool good) {
    if (!good) {
        ++failures;
        console_write(Line{} << "apic: " << what << " FAIL\n");
    }
}

void on_interrupt() {
    ++taken;
    reg(end_of_interrupt) = 0;
}

void arithmetic() {
    volatile std::uint32_t& svr = reg(spurious);
    volatile std::uint32_t& tpr = reg(task_priority);
    asm volatile("orl %1, %0" : "+m"(svr) : "i"(software_enable) : "cc");
    check("or with an immediate", (svr & software_enable) != 0);
    std::uint32_t mask = ~software_enable;
    asm volatile("andl %1, %0" : "+m"(svr) : "r"(mask) : "cc");
    check("and with a register", (svr & software_enable) == 0);

    std::uint32_t exchanged = 0x20;
    asm volatile("xchgl %0, %1" : "+r"(exchanged), "+m"(tpr));
    check("xchg", exchanged == 0 && tpr == 0x20);
    std::uint32_t sum = 0xffff'fff0;
    bool carry = false;
    asm volatile("addl %2, %0" : "+r"(sum), "=@ccc"(carry) : "m"(tpr));
    check("add to a register, with its carry", sum == 0x10 && carry);
    bool equal = false;
    asm volatile("cmpl $0x20, %1" : "=@ccz"(equal) : "m"(tpr));
    check("cmp", equal && tpr == 0x20);
    bool none = false;
    asm volatile("testl $0x1f, %1" : "=@ccz"(none) : "m"(tpr));
    check("test", none);
    bool borrow = false;
    asm volatile("lock subl $0x21, %0" : "+m"(tpr), "=@ccc"(borrow));
    check("locked sub, of which the register keeps eight bits", borrow && tpr == 0xff);
    tpr = 0;
}

void interrupt_itself() {
    set_interrupt_handler(vector, on_interrupt);
    reg(spurious) = software_enable | 0xff;
    for (std::uint32_t i = 0; i < interrupts; ++i) {
        reg(command) = to_self | vector;
        while (__atomic_load_n(&taken, __ATOMIC_RELAXED) == i) {
            wait_for_interrupt();
        }
    }
    check("no interrupt without being sent", taken == interrupts);
}

} // namespace

void guest_main() {
    check("version", reg(version) == 0x50014);
    arithmetic();
    interrupt_itself();
    console_write(Line{} << "apic: " << taken << " interrupts, " << (failures == 0 ? "PASS" : "FAIL") << '\n');
}

} // namespace bulkhead::guest
