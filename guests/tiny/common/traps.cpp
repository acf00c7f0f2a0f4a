// SPDX-License-Identifier: Apache-2.0
// The IDT and what happens behind it.
#include "traps.hpp"

#include "cpu.hpp"
#include "guest.hpp"
#include "text.hpp"

namespace bulkhead::guest {
namespace {

/// APM 2, 4.8.3: a 64-bit interrupt gate.
struct Gate {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint16_t attributes;
    std::uint16_t offset_middle;
    std::uint32_t offset_high;
    std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);
struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};

constexpr std::uint64_t resume_flags = 0x2; // no IF, DF, TF, AC
constexpr unsigned first_interrupt = 32;

Gate idt[256];
InterruptHandler handlers[256];
std::uint64_t strays;
bool dying;

} // namespace

extern "C" {
extern char trap_stubs[];
extern char attempt_resume[];
extern std::uint64_t attempt_stack;
void trap_handler(TrapFrame* frame);
}

void trap_handler(TrapFrame* frame) {
    if (frame->vector >= first_interrupt) {
        const auto handler = handlers[frame->vector];
        if (handler != nullptr) {
            handler();
        } else {
            ++strays;
        }
        return;
    }
    if (attempt_stack != 0) {
        frame->rax = frame->vector + 1;
        frame->rsp = attempt_stack;
        frame->rip = reinterpret_cast<std::uint64_t>(attempt_resume);
        frame->cs = 0x08;
        frame->ss = 0x10;
        frame->rflags = resume_flags;
        return;
    }
    std::uint64_t cr2;
    asm volatile("movq %%cr2, %0" : "=r"(cr2));
    Line line;
    line << "unexpected exception " << frame->vector << " error " << Hex{frame->error} << " at " << Hex{frame->rip}
         << " cr2 " << Hex{cr2} << '\n';
    if (dying) {
        halt_for_ever(); // reporting the first one failed
    }
    dying = true;
    debug_port_write(line);
    console_write(line);
    shut_down(ShutdownReason::crash);
}

void install_traps() {
    for (unsigned i = 0; i < 256; ++i) {
        const auto target = reinterpret_cast<std::uint64_t>(trap_stubs) + i * 16;
        idt[i] = {static_cast<std::uint16_t>(target),
                  0x08,
                  0x8e00, // present, interrupt gate
                  static_cast<std::uint16_t>(target >> 16),
                  static_cast<std::uint32_t>(target >> 32),
                  0};
    }
    const TablePointer pointer{sizeof idt - 1, reinterpret_cast<std::uint64_t>(idt)};
    asm volatile("lidt %0" : : "m"(pointer));
}

void set_interrupt_handler(std::uint8_t vector, InterruptHandler handler) {
    handlers[vector] = handler;
}
std::uint64_t stray_interrupts() {
    return strays;
}

} // namespace bulkhead::guest
