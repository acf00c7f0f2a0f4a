// SPDX-License-Identifier: Apache-2.0
// Process 1 of a Linux guest that measures how long its kernel took: reads the TSC with its first instruction, says it
// on the console, and powers off. Without a C library, in 64-bit and in 32-bit code. It must not know: which hypervisor
// the guest is on, nor when that began.
#include <cstdint>

#include "text.hpp"

namespace {

// Linux's numbers: arch/x86/entry/syscalls, and reboot(2).
constexpr long first_magic = static_cast<long>(0xfee1'dead);
constexpr std::uintptr_t second_magic = 0x2812'1969;
constexpr long power_off = 0x4321'fedc;
constexpr long standard_output = 1;

#ifdef __x86_64__
constexpr long number_of_write = 1;
constexpr long number_of_reboot = 169;
long system_call(long number, long a, const void* b, long c) {
    long result = number;
    register long d asm("r10") = 0;
    asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(d) : "rcx", "r11", "memory");
    return result;
}
#else
constexpr long number_of_write = 4;
constexpr long number_of_reboot = 88;
long system_call(long number, long a, const void* b, long c) {
    long result = number;
    asm volatile("int $0x80" : "+a"(result) : "b"(a), "c"(b), "d"(c), "S"(0) : "memory");
    return result;
}
#endif

} // namespace

/// Linux gives process 1 the console as its standard output. The format is that of the benchmark guest.
extern "C" [[noreturn, gnu::used]] void init_main(std::uint32_t low, std::uint32_t high) {
    const std::uint64_t tsc = low | (std::uint64_t{high} << 32);
    bulkhead::guest::Line line;
    line << "bench: init " << tsc << ' ' << tsc << ' ' << tsc << " 1\n";
    (void)system_call(number_of_write, standard_output, line.data(), static_cast<long>(line.size()));
    for (;;) {
        (void)system_call(number_of_reboot, first_magic, reinterpret_cast<const void*>(second_magic), power_off);
    }
}

#ifdef __x86_64__
asm(R"(
.section .text.entry, "ax", @progbits
.global _start
_start:
    rdtsc
    movl %eax, %edi
    movl %edx, %esi
    call init_main
)");
#else
asm(R"(
.section .text.entry, "ax", @progbits
.global _start
_start:
    rdtsc
    pushl %edx
    pushl %eax
    call init_main
)");
#endif
