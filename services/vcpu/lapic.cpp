// SPDX-License-Identifier: Apache-2.0
// The local APIC's registers: one table says what exists in which mode and which bits are the guest's.
// It must not know: other vCPUs, events, how a vector gets into the guest.
#include "lapic.hpp"

#include <bit>

namespace bulkhead::vcpu {

namespace {

// Register numbers: MSR 0x800 + n, or memory offset n * 16.
enum Register : std::uint32_t {
    reg_id = 0x02,
    reg_version = 0x03,
    reg_tpr = 0x08,
    reg_apr = 0x09,
    reg_ppr = 0x0a,
    reg_eoi = 0x0b,
    reg_ldr = 0x0d,
    reg_dfr = 0x0e,
    reg_svr = 0x0f,
    reg_isr = 0x10,
    reg_tmr = 0x18,
    reg_irr = 0x20,
    reg_esr = 0x28,
    reg_icr = 0x30,
    reg_icr_high = 0x31,
    reg_lvt_timer = 0x32,
    reg_lvt_error = 0x37,
    reg_timer_initial = 0x38,
    reg_timer_current = 0x39,
    reg_timer_divide = 0x3e,
    reg_self_ipi = 0x3f,
};

constexpr std::uint8_t readable = 1, writable = 2, in_x = 4, in_x2 = 8;
constexpr std::uint8_t both = in_x | in_x2;

struct RegisterInfo {
    std::uint8_t index;
    std::uint8_t flags;
    std::uint32_t mask;      ///< what the guest may set
    std::uint32_t read_only; ///< what it may write back without effect
};

constexpr std::uint32_t lvt_status = (1u << 12) | (1u << 14);
constexpr RegisterInfo register_table[] = {
    {reg_id, readable | both, 0, 0},
    {reg_version, readable | both, 0, 0},
    {reg_tpr, readable | writable | both, 0xff, 0},
    {reg_apr, readable | in_x, 0, 0},
    {reg_ppr, readable | both, 0, 0},
    {reg_eoi, writable | both, 0, 0},
    {reg_ldr, readable | writable | in_x, 0xff00'0000, 0},
    {reg_ldr, readable | in_x2, 0, 0},
    {reg_dfr, readable | writable | in_x, 0xf000'0000, 0x0fff'ffff},
    {reg_svr, readable | writable | both, 0x3ff, 0},
    {reg_esr, readable | writable | both, 0, 0},
    {reg_icr, readable | writable | both, 0x000c'cfff, 1u << 12},
    {reg_icr_high, readable | writable | in_x, 0xff00'0000, 0},
    {reg_lvt_timer, readable | writable | both, 0x0003'00ff, lvt_status},
    {0x33, readable | writable | both, 0x0001'07ff, lvt_status},
    {0x34, readable | writable | both, 0x0001'07ff, lvt_status},
    {0x35, readable | writable | both, 0x0001'a7ff, lvt_status},
    {0x36, readable | writable | both, 0x0001'a7ff, lvt_status},
    {reg_lvt_error, readable | writable | both, 0x0001'00ff, lvt_status},
    {reg_timer_initial, readable | writable | both, 0xffff'ffff, 0},
    {reg_timer_current, readable | both, 0, 0},
    {reg_timer_divide, readable | writable | both, 0xb, 0},
    {reg_self_ipi, writable | in_x2, 0xff, 0},
};

/// What is at that number for that kind of access; nullptr: nothing.
const RegisterInfo* find(std::uint32_t index, std::uint8_t mode_and_access) {
    for (const RegisterInfo& r : register_table) {
        if (r.index == index && (r.flags & mode_and_access) == mode_and_access) {
            return &r;
        }
    }
    return nullptr;
}

bool is_bitmap(std::uint32_t index) {
    return index >= reg_isr && index < reg_irr + 8;
}

constexpr std::uint64_t base_bootstrap = 1u << 8;
constexpr std::uint64_t base_x2 = 1u << 10;
constexpr std::uint64_t base_enable = 1u << 11;
constexpr std::uint32_t svr_enable = 1u << 8;
constexpr std::uint32_t lvt_masked = 1u << 16;
constexpr std::uint32_t error_send_vector = 1u << 5;

} // namespace

std::uint8_t Lapic::Bitmap::highest() const {
    for (std::uint32_t i = 8; i-- > 0;) {
        if (word[i] != 0) {
            return static_cast<std::uint8_t>(i * 32 + static_cast<std::uint32_t>(std::bit_width(word[i])) - 1);
        }
    }
    return 0;
}

void Lapic::reset(std::uint32_t id, bool bootstrap) {
    *this = Lapic{};
    id_ = id;
    bootstrap_ = bootstrap;
    reg_[reg_svr] = 0xff;
    reg_[reg_dfr] = 0xffff'ffff;
    for (std::uint32_t i = reg_lvt_timer; i <= reg_lvt_error; ++i) {
        reg_[i] = lvt_masked;
    }
}

void Lapic::init() {
    const Mode mode = mode_;
    reset(id_, bootstrap_);
    mode_ = mode;
}

std::uint64_t Lapic::base() const {
    return mmio_base | (bootstrap_ ? base_bootstrap : 0) | (mode_ != Mode::disabled ? base_enable : 0) |
           (mode_ == Mode::x2apic ? base_x2 : 0);
}

/// The transitions of SDM 3, 11.12.5. The base address is fixed.
bool Lapic::write_base(std::uint64_t value) {
    if ((value & ~(base_bootstrap | base_x2 | base_enable)) != mmio_base) {
        return false;
    }
    const bool enable = (value & base_enable) != 0;
    const bool x2 = (value & base_x2) != 0;
    if (x2 && !enable) {
        return false;
    }
    const Mode wanted = !enable ? Mode::disabled : x2 ? Mode::x2apic : Mode::xapic;
    if (wanted == mode_) {
        return true;
    }
    if ((mode_ == Mode::x2apic && wanted == Mode::xapic) || (mode_ == Mode::disabled && wanted == Mode::x2apic)) {
        return false;
    }
    if (wanted == Mode::disabled) {
        reset(id_, bootstrap_);
    }
    mode_ = wanted;
    return true;
}

bool Lapic::software_enabled() const {
    return mode_ != Mode::disabled && (reg_[reg_svr] & svr_enable) != 0;
}

std::uint8_t Lapic::processor_priority() const {
    const auto task = static_cast<std::uint8_t>(reg_[reg_tpr]);
    const std::uint8_t serving = isr_.highest();
    return (task >> 4) >= (serving >> 4) ? task : static_cast<std::uint8_t>(serving & 0xf0);
}

std::uint32_t Lapic::read(std::uint32_t index) const {
    if (is_bitmap(index)) {
        return index < reg_tmr ? isr_.word[index - reg_isr] : index < reg_irr ? 0 : irr_.word[index - reg_irr];
    }
    switch (index) {
    case reg_id:
        return mode_ == Mode::x2apic ? id_ : id_ << 24;
    case reg_version:
        return version;
    case reg_ppr:
        return processor_priority();
    case reg_ldr:
        return mode_ == Mode::x2apic ? x2_logical_id() : reg_[reg_ldr];
    case reg_dfr:
        return reg_[reg_dfr] | 0x0fff'ffff;
    case reg_timer_current:
        return 0;
    default:
        return reg_[index];
    }
}

void Lapic::write(std::uint32_t index, std::uint32_t value) {
    switch (index) {
    case reg_eoi:
        end_of_interrupt();
        return;
    case reg_esr: // a write shows the errors since the last one
        reg_[reg_esr] = pending_errors_;
        pending_errors_ = 0;
        return;
    case reg_self_ipi:
        send((value & 0xff) | (to_self << 18), id_);
        return;
    case reg_svr:
        reg_[reg_svr] = value;
        if ((value & svr_enable) == 0) {
            for (std::uint32_t i = reg_lvt_timer; i <= reg_lvt_error; ++i) {
                reg_[i] |= lvt_masked;
            }
        }
        return;
    default:
        reg_[index] =
            index >= reg_lvt_timer && index <= reg_lvt_error && !software_enabled() ? value | lvt_masked : value;
    }
}

bool Lapic::read_msr(std::uint32_t msr, std::uint64_t& value) {
    const std::uint32_t index = msr - msr_first;
    if (mode_ != Mode::x2apic || index >= registers ||
        (!is_bitmap(index) && find(index, readable | in_x2) == nullptr)) {
        return false;
    }
    value = read(index);
    if (index == reg_icr) {
        value |= std::uint64_t{reg_[reg_icr_high]} << 32;
    }
    return true;
}

bool Lapic::write_msr(std::uint32_t msr, std::uint64_t value) {
    const std::uint32_t index = msr - msr_first;
    const RegisterInfo* info = find(index, writable | in_x2);
    if (mode_ != Mode::x2apic || info == nullptr) {
        return false;
    }
    const std::uint64_t high = index == reg_icr ? value & 0xffff'ffff'0000'0000 : 0;
    if (((value ^ high) & ~(std::uint64_t{info->mask} | info->read_only)) != 0) {
        return false;
    }
    if (index == reg_icr) {
        reg_[reg_icr] = static_cast<std::uint32_t>(value) & info->mask & ~info->read_only;
        reg_[reg_icr_high] = static_cast<std::uint32_t>(value >> 32);
        send(reg_[reg_icr], reg_[reg_icr_high]);
        return true;
    }
    write(index, static_cast<std::uint32_t>(value) & info->mask);
    return true;
}

std::uint32_t Lapic::read_mmio(std::uint32_t offset) {
    const std::uint32_t index = offset / 16;
    if (mode_ != Mode::xapic || offset % 16 != 0 || index >= registers ||
        (!is_bitmap(index) && find(index, readable | in_x) == nullptr)) {
        return 0;
    }
    return read(index);
}

void Lapic::write_mmio(std::uint32_t offset, std::uint32_t value) {
    const std::uint32_t index = offset / 16;
    const RegisterInfo* info = find(index, writable | in_x);
    if (mode_ != Mode::xapic || offset % 16 != 0 || info == nullptr) {
        return;
    }
    write(index, value & info->mask & ~info->read_only);
    if (index == reg_icr) {
        const std::uint32_t to = reg_[reg_icr_high] >> 24;
        send(reg_[reg_icr], to == 0xff ? broadcast : to);
    }
}

void Lapic::request(std::uint8_t vector) {
    if (vector >= 16 && software_enabled()) {
        irr_.set(vector);
        requested_ = true;
    }
}

std::uint8_t Lapic::highest_deliverable() const {
    const std::uint8_t vector = irr_.highest();
    return software_enabled() && (vector >> 4) > (processor_priority() >> 4) ? vector : std::uint8_t{0};
}

void Lapic::accept(std::uint8_t vector) {
    irr_.clear(vector);
    requested_ = irr_.highest() != 0;
    isr_.set(vector);
}

void Lapic::end_of_interrupt() {
    const std::uint8_t vector = isr_.highest();
    if (vector != 0) {
        isr_.clear(vector);
    }
}

bool Lapic::take_nmi() {
    const bool had = nmi_;
    nmi_ = false;
    return had;
}

bool Lapic::take_ipi(Ipi& ipi) {
    const bool had = sent_;
    ipi = ipi_;
    sent_ = false;
    return had;
}

bool Lapic::answers_to(const Ipi& ipi) const {
    const std::uint32_t destination = ipi.destination;
    if (destination == broadcast) {
        return true;
    }
    if (!ipi.logical()) {
        return destination == id_;
    }
    if (mode_ == Mode::x2apic) {
        const std::uint32_t own = x2_logical_id();
        return (destination >> 16) == (own >> 16) && (destination & own & 0xffff) != 0;
    }
    const std::uint32_t own = reg_[reg_ldr] >> 24;
    const bool flat = (reg_[reg_dfr] >> 28) == 0xf;
    return flat ? (destination & own) != 0 : (destination >> 4) == (own >> 4) && (destination & own & 0xf) != 0;
}

/// Interprocessor interrupts (APM 2 16.5). What the sender itself is to get is delivered here, the rest is taken away
/// by take_ipi. A CPU does not start or reset itself.
void Lapic::send(std::uint32_t command, std::uint32_t destination) {
    const Ipi ipi{command, destination};
    const bool maskable = ipi.delivery() == fixed || ipi.delivery() == lowest_priority;
    if (maskable && ipi.vector() < 16) {
        pending_errors_ |= error_send_vector;
        return;
    }
    const bool to_me =
        ipi.shorthand() == to_self || ipi.shorthand() == to_all || (ipi.shorthand() == to_name && answers_to(ipi));
    if (to_me && maskable) {
        request(ipi.vector());
    } else if (to_me && ipi.delivery() == nmi) {
        nmi_ = true;
    }
    const bool one_has_it = to_me && ipi.delivery() == lowest_priority;
    if (ipi.shorthand() != to_self && !one_has_it) {
        ipi_ = ipi;
        sent_ = true;
    }
}

} // namespace bulkhead::vcpu
