// SPDX-License-Identifier: Apache-2.0
// A minimal local APIC (APM 2, chapter 16): identity, priorities, IRR/ISR/EOI for interprocessor interrupts, local
// vectors as storage. Reached by MSR (x2APIC) or by memory access (xAPIC). It has no timer: the guest's timers are
// Xen's. It must not know: vCPUs, events, how a vector gets into the guest.
#pragma once

#include <cstdint>

#include <bulkhead/abi/types.hpp>

namespace bulkhead::vcpu {

class Lapic {
public:
    enum class Mode : std::uint8_t { disabled, xapic, x2apic };

    static constexpr std::uint64_t mmio_base = 0xfee0'0000;
    static constexpr std::uint32_t version = 0x0005'0014;
    static constexpr std::uint32_t msr_first = 0x800;
    static constexpr std::uint32_t msr_last = 0x8ff;

    /// State after reset: xAPIC mode, as hardware has it. 32-bit kernels know no other and give up an APIC in x2APIC
    /// mode.
    void reset(std::uint32_t id, bool bootstrap);

    /// MSR APIC_BASE. write_base: false means #GP.
    std::uint64_t base() const;
    [[nodiscard]] bool write_base(std::uint64_t value);
    Mode mode() const { return mode_; }
    std::uint32_t id() const { return id_; }

    /// MSRs 0x800 to 0x8ff. False means #GP.
    [[nodiscard]] bool read_msr(std::uint32_t msr, std::uint64_t& value);
    [[nodiscard]] bool write_msr(std::uint32_t msr, std::uint64_t value);

    /// 32-bit registers at mmio_base + offset, in xAPIC mode. What does not exist reads 0 and takes no writes.
    std::uint32_t read_mmio(std::uint32_t offset);
    void write_mmio(std::uint32_t offset, std::uint32_t value);

    /// An interrupt arrives.
    void request(std::uint8_t vector);
    /// The interrupt that the priorities allow now; 0: none.
    std::uint8_t deliverable() const;
    /// The CPU has taken it.
    void accept(std::uint8_t vector);
    /// True once after the guest has sent an NMI to itself.
    bool take_nmi();

private:
    static constexpr std::uint32_t registers = 0x40;
    struct Bitmap {
        std::uint32_t word[8]{};
        void set(std::uint8_t v) { word[v / 32] |= 1u << (v % 32); }
        void clear(std::uint8_t v) { word[v / 32] &= ~(1u << (v % 32)); }
        std::uint8_t highest() const;
    };

    bool software_enabled() const;
    std::uint8_t processor_priority() const;
    std::uint32_t read(std::uint32_t index) const;
    void write(std::uint32_t index, std::uint32_t value);
    void end_of_interrupt();
    void send(std::uint32_t command, std::uint32_t destination);
    bool addressed(std::uint32_t command, std::uint32_t destination) const;
    std::uint32_t x2_logical_id() const { return ((id_ & ~0xfu) << 12) | (1u << (id_ & 0xf)); }

    std::uint32_t reg_[registers]{};
    Bitmap irr_, isr_;
    std::uint32_t id_{0};
    std::uint32_t pending_errors_{0};
    Mode mode_{Mode::xapic};
    bool bootstrap_{false};
    bool nmi_{false};
};

} // namespace bulkhead::vcpu
