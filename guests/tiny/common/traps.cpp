// SPDX-License-Identifier: Apache-2.0
// The IDT and what happens behind it.
#include "traps.hpp"

#include "cpu.hpp"
#include "guest.hpp"
#include "memory.hpp"
#include "text.hpp"

namespace bulkhead::guest {
namespace {

struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    Word base;
};

constexpr unsigned first_interrupt = 32;

Gate idt[256];
InterruptHandler handlers[256];
std::uint64_t strays;
bool dying;

} // namespace

extern "C" {
extern char trap_stubs[];
extern Word attempt_stack;
void trap_handler(TrapFrame* frame);
}

void trap_handler(TrapFrame* frame) {
    const auto handler = handlers[frame->vector];
    if (frame->vector >= first_interrupt || handler != nullptr) {
        if (handler != nullptr) {
            handler();
        } else {
            ++strays;
        }
        return;
    }
    if (attempt_stack != 0) {
        end_attempt(*frame, frame->vector + 1);
        return;
    }
    Line line;
    line << "unexpected exception " << frame->vector << " error " << Hex{frame->error} << " at "
         << Hex{frame->instruction()} << " cr2 " << Hex{read_cr2()} << '\n';
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
        idt[i] = interrupt_gate(address_of(trap_stubs) + i * 16);
    }
    load_traps();
}

void load_traps() {
    const TablePointer pointer{sizeof idt - 1, address_of(idt)};
    asm volatile("lidt %0" : : "m"(pointer));
}

void set_interrupt_handler(std::uint8_t vector, InterruptHandler handler) {
    handlers[vector] = handler;
}
std::uint64_t stray_interrupts() {
    return strays;
}

} // namespace bulkhead::guest
