// SPDX-License-Identifier: Apache-2.0
// Single instructions, with names.
#pragma once

#include "arch.hpp"

namespace bulkhead::guest {

inline std::uint64_t rdtsc() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (std::uint64_t{high} << 32);
}

inline std::uint64_t read_msr(std::uint32_t msr) {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return low | (std::uint64_t{high} << 32);
}
inline void write_msr(std::uint32_t msr, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(msr), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

inline void out8(std::uint16_t port, std::uint8_t value) {
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline void out16(std::uint16_t port, std::uint16_t value) {
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline void out32(std::uint16_t port, std::uint32_t value) {
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline std::uint8_t in8(std::uint16_t port) {
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
inline std::uint16_t in16(std::uint16_t port) {
    std::uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
inline std::uint32_t in32(std::uint16_t port) {
    std::uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

struct CpuidResult {
    std::uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

inline Word read_cr2() {
    Word value;
    asm volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
inline Word read_cr4() {
    Word value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
inline void write_cr4(Word value) {
    asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}
inline void invlpg(Word address) {
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/// Opens interrupts and sleeps; STI's shadow closes the gap between the two (APM 3, STI).
inline void wait_for_interrupt() {
    asm volatile("sti; hlt; cli" : : : "memory");
}
/// With interrupts off: on Xen the last CPU that does this powers the domain off.
[[noreturn]] inline void halt_for_ever() {
    for (;;) {
        asm volatile("cli; hlt" : : : "memory");
    }
}

} // namespace bulkhead::guest
