// SPDX-License-Identifier: Apache-2.0
// One CPU reaching another: kicks, and dropping translations everywhere. Any number of CPUs may ask at once: each waits
// only for answers, and answers while it waits.
#include <arch/x86_64/apic.hpp>
#include <arch/x86_64/cpu.hpp>
#include <arch/x86_64/registers.hpp>
#include <arch/x86_64/trap.hpp>

#include <bit>

namespace bulkhead::kernel::arch {

void load_root(HostPhys root) {
    const HostPhys wanted = root == HostPhys{0} ? kernel_root() : root;
    if (local().root != wanted) {
        local().root = wanted;
        write_cr3(wanted.value);
    }
}

void kick(CpuId cpu) {
    send_interrupt(apic_id_of(cpu), vector::kick);
}

void poll_shootdown() {
    CpuLocal& self = local();
    // Acquire: the page-table writes made before the request are seen by what we load after the flush.
    const std::uint64_t asked = self.shootdowns_asked.load(std::memory_order_acquire);
    if (self.shootdowns_done.load(std::memory_order_relaxed) != asked) {
        write_cr3(read_cr3()); // all but global translations; the kernel's are global
        // Release: whoever sees the answer may reuse the memory, this CPU's accesses to it are over.
        self.shootdowns_done.store(asked, std::memory_order_release);
    }
}

void shootdown(CpuMask cpus) {
    const CpuMask targets = cpus & static_cast<CpuMask>((std::uint64_t{1} << online_cpus()) - 1);
    for (CpuMask rest = targets; rest != 0; rest &= rest - 1) {
        CpuLocal& other = local_of(CpuId{static_cast<std::uint32_t>(std::countr_zero(rest))});
        // Sequentially consistent: the request is not seen before the page-table writes that caused it.
        other.shootdowns_asked.fetch_add(1);
        if (&other != &local()) {
            send_interrupt(other.apic_id, vector::shootdown);
        }
    }
    for (CpuMask rest = targets; rest != 0; rest &= rest - 1) {
        const CpuLocal& other = local_of(CpuId{static_cast<std::uint32_t>(std::countr_zero(rest))});
        const std::uint64_t ticket = other.shootdowns_asked.load(); // ours, or a later one of another CPU
        do {
            poll_shootdown(); // our own, and whatever others ask of us meanwhile
            pause();
        } while (other.shootdowns_done.load(std::memory_order_acquire) < ticket);
    }
}

void dispatch_interrupt(std::uint64_t vector) {
    if (vector == vector::timer) {
        end_of_interrupt();
        on_timer();
    } else if (vector == vector::kick) {
        end_of_interrupt();
        on_kick();
    } else {
        const auto gsi = static_cast<std::uint32_t>(vector) - vector::first_device;
        const bool accepted = accept_device_interrupt(gsi);
        end_of_interrupt();
        if (accepted) {
            on_device_interrupt(gsi);
        }
    }
}

std::uint32_t port_in(std::uint16_t port, std::uint32_t width) {
    std::uint32_t value = 0;
    if (width == 1) {
        value = in8(port);
    } else if (width == 2) {
        std::uint16_t half;
        asm volatile("inw %1, %0" : "=a"(half) : "Nd"(port));
        value = half;
    } else {
        asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    }
    return value;
}

void port_out(std::uint16_t port, std::uint32_t width, std::uint32_t value) {
    if (width == 1) {
        out8(port, static_cast<std::uint8_t>(value));
    } else if (width == 2) {
        asm volatile("outw %0, %1" : : "a"(static_cast<std::uint16_t>(value)), "Nd"(port));
    } else {
        asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
    }
}

} // namespace bulkhead::kernel::arch
