// SPDX-License-Identifier: Apache-2.0
// The end of the kernel: says why, with registers and a symbolised backtrace, and stops every CPU. It trusts nothing
// that it does not have to: it may run on a damaged stack or in the middle of anything.
#include <arch/x86_64/apic.hpp>
#include <arch/x86_64/cpu.hpp>
#include <arch/x86_64/registers.hpp>
#include <arch/x86_64/trap.hpp>

#include <arch/boot_facts.hpp>
#include <base/panic.hpp>

#include <cstdlib>

extern "C" {
/// Made from the linked kernel by symbols.awk: low 32 bits of the address, offset of the name.
struct Symbol {
    std::uint32_t address, name;
};
extern const Symbol symbol_table[];
extern const std::uint32_t symbol_count;
extern const char symbol_names[];
extern const std::uint8_t image_start[], image_text_end[];

[[noreturn]] void __stack_chk_fail();
[[noreturn]] void __cxa_pure_virtual();
}

namespace bulkhead::kernel::arch {

namespace {

constexpr unsigned max_backtrace = 32;

std::atomic<bool> panicked{false};
std::uint16_t exit_port = 0;

void print_symbol(std::uint64_t address) {
    print_hex(address);
    const auto low = static_cast<std::uint32_t>(address);
    const bool in_text = address >= reinterpret_cast<std::uint64_t>(image_start) &&
                         address < reinterpret_cast<std::uint64_t>(image_text_end);
    std::uint32_t after = 0;
    while (in_text && after < symbol_count && symbol_table[after].address <= low) {
        ++after;
    }
    if (after > 0) {
        const Symbol& symbol = symbol_table[after - 1];
        print(" ");
        print(symbol_names + symbol.name);
        print("+");
        print_decimal(low - symbol.address);
    }
    print("\n");
}

void print_backtrace(std::uint64_t frame) {
    for (unsigned i = 0; i < max_backtrace && on_kernel_stack(frame) && on_kernel_stack(frame + 8); ++i) {
        const auto* words = reinterpret_cast<const std::uint64_t*>(frame);
        if (words[1] == 0) {
            break;
        }
        print("  ");
        print_symbol(words[1] - 1); // inside the call: a call that never returns may be a function's last instruction
        if (words[0] <= frame) {
            break;
        }
        frame = words[0];
    }
}

const char* meaning(std::uint64_t vector) {
    switch (vector) {
    case vector::invalid_opcode:
        return " (invalid opcode: undefined behaviour, in a kernel that traps it)";
    case vector::double_fault:
        return " (double fault: most likely a kernel stack overflow)";
    case vector::page_fault:
        return " (page fault)";
    case vector::machine_check:
        return " (machine check: broken hardware)";
    default:
        return "";
    }
}

void print_registers(const TrapFrame& frame) {
    const struct {
        const char* name;
        std::uint64_t value;
    } registers[] = {
        {"rax", frame.rax}, {"rbx", frame.rbx},  {"rcx", frame.rcx},  {"rdx", frame.rdx},    {"rsi", frame.rsi},
        {"rdi", frame.rdi}, {"rbp", frame.rbp},  {"rsp", frame.rsp},  {"r8 ", frame.r8},     {"r9 ", frame.r9},
        {"r10", frame.r10}, {"r11", frame.r11},  {"r12", frame.r12},  {"r13", frame.r13},    {"r14", frame.r14},
        {"r15", frame.r15}, {"cr2", read_cr2()}, {"cr3", read_cr3()}, {"flg", frame.rflags}, {"cs ", frame.cs},
    };
    unsigned column = 0;
    for (const auto& [name, value] : registers) {
        print(name);
        print(" ");
        print_hex(value);
        print(++column % 4 == 0 ? "\n" : "  ");
    }
}

/// Stops the other CPUs and begins the report; a second panic only stops its CPU.
void begin(const char* what) {
    asm volatile("cli" : : : "memory");
    if (panicked.exchange(true)) {
        halt();
    }
    if (online_cpus() > 1) { // before that there may be no APIC to send with
        send_nmi_to_others();
    }
    print("\x1e"
          "0\nbulkhead: PANIC on CPU "); // the console's stream 0
    print_decimal(local().id.value);
    print(": ");
    print(what);
    print("\n");
    describe_current(this_cpu());
}

} // namespace

bool panicking() {
    return panicked.load(std::memory_order_relaxed);
}

void set_exit_port(std::uint16_t port) {
    exit_port = port;
}

void halt() {
    for (;;) {
        asm volatile("cli; hlt");
    }
}

void end_machine(std::uint8_t value) {
    if (exit_port != 0) {
        port_out(exit_port, 4, value);
    }
    halt();
}

void panic(const char* what, const char* file, unsigned line) {
    begin(what);
    if (file != nullptr) {
        print("at ");
        print(file);
        print(":");
        print_decimal(line);
        print("\n");
    }
    print_backtrace(reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)));
    end_machine(FATAL_EXIT_VALUE);
}

void panic_at(const char* what, const TrapFrame& frame) {
    begin(what);
    print("vector ");
    print_decimal(frame.vector);
    print(meaning(frame.vector));
    print(", error ");
    print_hex(frame.error);
    print("\n");
    print_registers(frame);
    print("  ");
    print_symbol(frame.rip);
    print_backtrace(frame.rbp);
    end_machine(FATAL_EXIT_VALUE);
}

} // namespace bulkhead::kernel::arch

void bulkhead::kernel::panic(const char* what) {
    arch::panic(what, nullptr, 0);
}

void __stack_chk_fail() {
    bulkhead::kernel::arch::panic("a stack canary is gone: a buffer on the stack was overrun", nullptr, 0);
}

void __cxa_pure_virtual() {
    bulkhead::kernel::arch::panic("a pure virtual function was called", nullptr, 0);
}

void abort() {
    bulkhead::kernel::arch::panic("abort", nullptr, 0);
}
