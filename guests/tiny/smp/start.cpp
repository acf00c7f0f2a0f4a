// SPDX-License-Identifier: Apache-2.0
// The four ways to start a vCPU: INIT and start-up interrupt through the local APIC, and VCPUOP_initialise in 64-bit,
// 32-bit and 16-bit mode (public/hvm/hvm_vcpu.h). It must not know: what the vCPU does then.
#include "smp.hpp"

#include "cpu.hpp"
#include "guest.hpp"
#include "vcpu_context.hpp"

extern "C" {
extern unsigned char smp_real_mode[], smp_real_mode_end[];
extern char smp_start32[], smp_start64[];
extern std::uint64_t page_table_l4[512];
}

namespace bulkhead::guest::smp {

namespace {

constexpr std::uint32_t msr_base = 0x1b, msr_icr = 0x830;
constexpr std::uint64_t x2apic_mode = 0x400, xapic = 0xfee0'0000;

bool initialise_and_up(std::uint32_t vcpu, vcpu_hvm_context context) {
    const auto initialised = vcpu_op(VCPUOP_initialise, vcpu, &context);
    const auto again = vcpu_op(VCPUOP_initialise, vcpu, &context);
    const auto down = vcpu_op(VCPUOP_is_up, vcpu);
    const auto up = vcpu_op(VCPUOP_up, vcpu);
    const bool good = initialised == 0 && again == -XEN_EEXIST && down == 0 && up == 0;
    if (!good) {
        console_write(Line{} << "smp: FAIL: vcpu " << vcpu << ": initialise -" << number(-initialised) << ", again -"
                             << number(-again) << ", is_up " << number(down) << ", up -" << number(-up) << '\n');
    }
    return good;
}

} // namespace

void send_ipi(std::uint64_t command) {
    if ((read_msr(msr_base) & x2apic_mode) != 0) {
        write_msr(msr_icr, command);
        return;
    }
    *at_physical<volatile std::uint32_t>(xapic + 0x310) = static_cast<std::uint32_t>(command >> 32) << 24;
    *at_physical<volatile std::uint32_t>(xapic + 0x300) = static_cast<std::uint32_t>(command);
}

void start_by_interrupts(std::uint32_t vcpu) {
    put_at_startup_page(smp_real_mode, smp_real_mode_end);
    const std::uint64_t to = std::uint64_t{vcpu} * 2 << 32;
    send_ipi(to | 0xc500);
    send_ipi(to | 0x8500);
    send_ipi(to | 0x600 | startup_page);
    send_ipi(to | 0x600 | startup_page); // must be ignored
}

bool start_in_64_bit_mode(std::uint32_t vcpu) {
    return initialise_and_up(vcpu, context_in_64_bit_code(smp_start64, page_table_l4));
}

bool start_in_32_bit_mode(std::uint32_t vcpu) {
    return initialise_and_up(vcpu, context_in_32_bit_code(smp_start32));
}

bool start_in_16_bit_mode(std::uint32_t vcpu) {
    put_at_startup_page(smp_real_mode, smp_real_mode_end);
    return initialise_and_up(vcpu, context_in_16_bit_code());
}

} // namespace bulkhead::guest::smp
