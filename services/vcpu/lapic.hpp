// SPDX-License-Identifier: Apache-2.0
// A minimal local APIC (APM 2, chapter 16): identity, priorities, IRR/ISR/EOI for interprocessor interrupts, local
// vectors as storage. Reached by MSR (x2APIC) or by memory access (xAPIC). It has no timer: the guest's timers are
// Xen's. It must not know: other vCPUs, events, how a vector gets into the guest.
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

    /// INIT: as after reset, but for identity and mode (SDM 3A 11.4.7.3, 11.12.5.1).
    void init();

    /// What the guest sent that is not, or not only, for this vCPU itself.
    struct Ipi {
        std::uint32_t command{0}; ///< low half of the interrupt command register
        std::uint32_t destination{0};

        std::uint8_t vector() const { return static_cast<std::uint8_t>(command); }
        std::uint32_t delivery() const { return (command >> 8) & 7; }
        bool logical() const { return (command & (1u << 11)) != 0; }
        /// An INIT with level de-assert only synchronised old arbitration numbers.
        bool is_deassert() const { return (command & (1u << 15)) != 0 && (command & (1u << 14)) == 0; }
        std::uint32_t shorthand() const { return (command >> 18) & 3; }
    };
    static constexpr std::uint32_t to_name = 0, to_self = 1, to_all = 2, to_others = 3; ///< shorthands
    static constexpr std::uint32_t fixed = 0, lowest_priority = 1, nmi = 4, init_reset = 5, startup = 6;
    static constexpr std::uint32_t broadcast = 0xffff'ffff;
    /// False: nothing was sent since the last time.
    bool take_ipi(Ipi& ipi);
    /// Whether this local APIC answers to that destination, in its own mode.
    bool answers_to(const Ipi& ipi) const;

    /// An interrupt arrives.
    void request(std::uint8_t vector);
    /// The interrupt that the priorities allow now; 0: none.
    std::uint8_t deliverable() const { return requested_ ? highest_deliverable() : std::uint8_t{0}; }
    /// The CPU has taken it.
    void accept(std::uint8_t vector);
    void request_nmi() { nmi_ = true; }
    /// True once after an NMI has arrived.
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
    std::uint8_t highest_deliverable() const;
    std::uint8_t processor_priority() const;
    std::uint32_t read(std::uint32_t index) const;
    void write(std::uint32_t index, std::uint32_t value);
    void end_of_interrupt();
    void send(std::uint32_t command, std::uint32_t destination);
    std::uint32_t x2_logical_id() const { return ((id_ & ~0xfu) << 12) | (1u << (id_ & 0xf)); }

    std::uint32_t reg_[registers]{};
    Bitmap irr_, isr_;
    bool requested_{false}; ///< irr_ is not empty
    std::uint32_t id_{0};
    std::uint32_t pending_errors_{0};
    Mode mode_{Mode::xapic};
    bool bootstrap_{false};
    bool nmi_{false};
    bool sent_{false};
    Ipi ipi_{};
};

} // namespace bulkhead::vcpu
