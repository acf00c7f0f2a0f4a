// SPDX-License-Identifier: Apache-2.0
// I/O APICs: routing and masking of global system interrupts. An edge that comes while its interrupt is masked is kept
// and delivered when it is unmasked, as a level would be; the hardware alone would lose it.
#include <arch/x86_64/apic.hpp>

#include <arch/boot_facts.hpp>
#include <arch/x86_64/cpu.hpp>
#include <arch/x86_64/registers.hpp>
#include <arch/x86_64/trap.hpp>

#include <algorithm>
#include <span>

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint32_t select = 0x00, window = 0x10; // memory-mapped; everything else is reached through them
constexpr std::uint32_t reg_version = 1, reg_redirection = 0x10;
constexpr std::uint32_t low_active_low = 1u << 13, low_level = 1u << 15, low_masked = 1u << 16;

struct IoApic {
    volatile std::uint8_t* registers;
    std::uint32_t first_gsi, count;
};

/// One line. All under the kernel lock.
struct Line {
    std::uint32_t apic_id;
    bool routed, level, masked;
    bool latched; ///< an edge came while masked
};

IoApic io_apics[AcpiFacts::max_io_apics];
std::uint32_t io_apic_count = 0;
std::uint32_t gsi_count = 0;
Line lines[vector::device_count];
AcpiFacts::Override isa[AcpiFacts::isa_interrupts];

std::uint32_t read(const IoApic& io_apic, std::uint32_t reg) {
    *reinterpret_cast<volatile std::uint32_t*>(io_apic.registers + select) = reg;
    return *reinterpret_cast<volatile std::uint32_t*>(io_apic.registers + window);
}

void write(const IoApic& io_apic, std::uint32_t reg, std::uint32_t value) {
    *reinterpret_cast<volatile std::uint32_t*>(io_apic.registers + select) = reg;
    *reinterpret_cast<volatile std::uint32_t*>(io_apic.registers + window) = value;
}

const IoApic* io_apic_of(std::uint32_t gsi) {
    const std::span known{io_apics, io_apic_count};
    const auto found = std::ranges::find_if(known, [gsi](const IoApic& io_apic) {
        return gsi >= io_apic.first_gsi && gsi - io_apic.first_gsi < io_apic.count;
    });
    return gsi < gsi_count && found != known.end() ? &*found : nullptr;
}

void set_hardware_mask(std::uint32_t gsi, bool masked) {
    if (const IoApic* io_apic = io_apic_of(gsi)) {
        const std::uint32_t reg = reg_redirection + 2 * (gsi - io_apic->first_gsi);
        const std::uint32_t low = read(*io_apic, reg);
        write(*io_apic, reg, masked ? low | low_masked : low & ~low_masked);
    }
}

} // namespace

void silence_pics() {
    constexpr std::uint16_t master = 0x20, slave = 0xa0;
    for (const std::uint16_t pic : {master, slave}) {
        out8(pic, 0x11); // ICW1: cascade, ICW4 follows
        out8(pic + 1, pic == master ? vector::pic : vector::pic + 8);
        out8(pic + 1, pic == master ? 4 : 2);
        out8(pic + 1, 1); // 8086 mode
        out8(pic + 1, 0xff);
    }
}

void init_io_apics(const AcpiFacts& facts, void* const* mapped) {
    std::copy(std::begin(facts.isa), std::end(facts.isa), isa);
    for (std::uint32_t i = 0; i < facts.io_apic_count; ++i) {
        IoApic& io_apic = io_apics[i];
        io_apic = {static_cast<volatile std::uint8_t*>(mapped[i]), facts.io_apics[i].first_gsi, 0};
        io_apic.count = (read(io_apic, reg_version) >> 16 & 0xff) + 1;
        for (std::uint32_t line = 0; line < io_apic.count; ++line) {
            write(io_apic, reg_redirection + 2 * line, low_masked);
        }
        const std::uint64_t end = std::uint64_t{io_apic.first_gsi} + io_apic.count;
        gsi_count = std::max(gsi_count, static_cast<std::uint32_t>(std::min<std::uint64_t>(end, vector::device_count)));
    }
    io_apic_count = facts.io_apic_count;
}

std::uint32_t interrupt_count() {
    return gsi_count;
}

IsaInterrupt isa_override(std::uint32_t irq) {
    return irq < AcpiFacts::isa_interrupts ? IsaInterrupt{isa[irq].gsi, isa[irq].level, isa[irq].active_low}
                                           : IsaInterrupt{irq, false, false};
}

bool interrupt_route(std::uint32_t gsi, CpuId cpu, bool level, bool active_low) {
    const IoApic* io_apic = io_apic_of(gsi);
    const std::uint32_t apic_id = apic_id_of(cpu);
    if (io_apic == nullptr || apic_id > 0xff) { // physical destination mode has 8 bits
        return false;
    }
    lines[gsi] = {apic_id, true, level, true, false};
    const std::uint32_t reg = reg_redirection + 2 * (gsi - io_apic->first_gsi);
    write(*io_apic, reg, low_masked);
    write(*io_apic, reg + 1, apic_id << 24);
    write(*io_apic, reg,
          low_masked | (level ? low_level : 0) | (active_low ? low_active_low : 0) | (vector::first_device + gsi));
    return true;
}

void interrupt_mask(std::uint32_t gsi, bool masked) {
    if (gsi >= gsi_count || !lines[gsi].routed) {
        return;
    }
    Line& line = lines[gsi];
    line.masked = masked;
    if (line.level || !masked) { // an edge line stays open to catch the next edge, see accept_device_interrupt
        set_hardware_mask(gsi, masked);
    }
    if (!masked && line.latched) {
        line.latched = false;
        send_interrupt(line.apic_id, vector::first_device + gsi);
    }
}

bool accept_device_interrupt(std::uint32_t gsi) {
    Line& line = lines[gsi];
    const bool accepted = line.routed && !line.masked;
    if (!accepted) {
        line.latched = line.routed && !line.level;
    }
    if (!accepted ||
        line.level) { // a level: before it is acknowledged, or it comes again at once. Edges: one is enough to keep.
        set_hardware_mask(gsi, true);
    }
    line.masked = true;
    return accepted;
}

} // namespace bulkhead::kernel::arch
