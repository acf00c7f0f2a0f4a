// SPDX-License-Identifier: Apache-2.0
// The interrupt descriptor table, and what the architecture does with traps itself: the rest goes up through arch.hpp.
#include <arch/x86_64/trap.hpp>

#include <arch/x86_64/apic.hpp>
#include <arch/x86_64/registers.hpp>

extern "C" const std::uint8_t vector_stubs[256][16];

namespace bulkhead::kernel::arch {

namespace {

struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};

struct Gate { // APM 2, 4.8.4
    std::uint16_t offset0;
    std::uint16_t selector;
    std::uint8_t ist;
    std::uint8_t type;
    std::uint16_t offset1;
    std::uint32_t offset2;
    std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);
constexpr std::uint8_t interrupt_gate = 0x8e;
constexpr std::uint8_t interrupt_gate_for_ring3 = 0xee; // INT3 and INTO may be executed there
constexpr unsigned breakpoint = 3, overflow = 4;

alignas(16) Gate idt[256];

} // namespace

void build_idt() {
    for (unsigned i = 0; i < 256; ++i) {
        const auto offset = reinterpret_cast<std::uint64_t>(vector_stubs[i]);
        const bool open = i == breakpoint || i == overflow;
        idt[i] = {static_cast<std::uint16_t>(offset),
                  SELECTOR_KERNEL_CODE,
                  static_cast<std::uint8_t>(Ist::none),
                  open ? interrupt_gate_for_ring3 : interrupt_gate,
                  static_cast<std::uint16_t>(offset >> 16),
                  static_cast<std::uint32_t>(offset >> 32),
                  0};
    }
}

void use_interrupt_stacks() {
    idt[vector::double_fault].ist = static_cast<std::uint8_t>(Ist::double_fault);
    idt[vector::nmi].ist = static_cast<std::uint8_t>(Ist::nmi);
    idt[vector::machine_check].ist = static_cast<std::uint8_t>(Ist::machine_check);
}

void load_idt() {
    const TablePointer pointer{sizeof(idt) - 1, reinterpret_cast<std::uint64_t>(idt)};
    asm volatile("lidt %0" : : "m"(pointer));
}

/// Called by entry.S: any trap in the kernel, and the internal vectors from anywhere.
extern "C" void handle_trap(TrapFrame& frame);

void handle_trap(TrapFrame& frame) {
    switch (frame.vector) {
    case vector::nmi:
        // A panic on another CPU stops this one. Any other NMI has no meaning here; it ended a guest or a HLT at most.
        if (panicking()) {
            halt();
        }
        return;
    case vector::shootdown:
        poll_shootdown();
        end_of_interrupt();
        return;
    case vector::apic_error:
        end_of_interrupt();
        return;
    default:
        break;
    }
    if (frame.vector < vector::first_device) {
        panic_at("exception in the kernel", frame);
    }
    if (frame.vector < VECTOR_FIRST_INTERNAL) {
        kernel_interrupt(frame.vector);
    } // else spurious: nothing is in service, nothing to acknowledge
}

void return_to_user(UserFrame& frame) {
    asm volatile("jmp return_to_user_frame" : : "D"(&frame));
    __builtin_unreachable();
}

void idle() {
    load_root(HostPhys{0});
    asm volatile("sti; hlt; cli" : : : "memory");
}

} // namespace bulkhead::kernel::arch
