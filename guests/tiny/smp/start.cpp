// SPDX-License-Identifier: Apache-2.0
// The four ways to start a vCPU: INIT and start-up interrupt through the local APIC, and VCPUOP_initialise in 64-bit,
// 32-bit and 16-bit mode (public/hvm/hvm_vcpu.h). It must not know: what the vCPU does then.
#include "smp.hpp"

#include <bulkhead/xen.hpp>

#include <xen/hvm/hvm_vcpu.h>

#include "cpu.hpp"
#include "guest.hpp"

extern "C" {
extern unsigned char smp_real_mode[], smp_real_mode_end[];
extern char smp_start32[], smp_start64[];
extern std::uint64_t page_table_l4[512];
}

namespace bulkhead::guest::smp {

namespace {

constexpr std::uint32_t startup_page = 0x60; ///< free memory below 1 MiB
constexpr std::uint32_t msr_base = 0x1b, msr_icr = 0x830;
constexpr std::uint64_t x2apic_mode = 0x400, xapic = 0xfee0'0000;
constexpr std::uint16_t flat_code = 0xc9b, flat_data = 0xc93, busy_tss = 0x8b;
constexpr std::uint16_t code16 = 0x9b, data16 = 0x93;

void put_real_mode_code() {
    auto* to = at_physical<volatile unsigned char>(std::uint64_t{startup_page} << 12);
    for (const unsigned char* from = smp_real_mode; from != smp_real_mode_end; ++from, ++to) {
        *to = *from;
    }
}

bool initialise_and_up(std::uint32_t vcpu, vcpu_hvm_context& context) {
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
    put_real_mode_code();
    const std::uint64_t to = std::uint64_t{vcpu} * 2 << 32;
    send_ipi(to | 0xc500);
    send_ipi(to | 0x8500);
    send_ipi(to | 0x600 | startup_page);
    send_ipi(to | 0x600 | startup_page); // must be ignored
}

bool start_in_64_bit_mode(std::uint32_t vcpu) {
    vcpu_hvm_context context{};
    context.mode = VCPU_HVM_MODE_64B;
    auto& r = context.cpu_regs.x86_64;
    r.rip = address_of(smp_start64);
    r.cr0 = 0x8000'0033;
    r.cr3 = address_of(page_table_l4);
    r.cr4 = 0x620;
    r.efer = 0x500;
    return initialise_and_up(vcpu, context);
}

bool start_in_32_bit_mode(std::uint32_t vcpu) {
    vcpu_hvm_context context{};
    context.mode = VCPU_HVM_MODE_32B;
    auto& r = context.cpu_regs.x86_32;
    r.eip = static_cast<std::uint32_t>(address_of(smp_start32));
    r.cr0 = 0x11;
    r.cs_limit = r.ds_limit = r.ss_limit = r.es_limit = 0xffff'ffff;
    r.cs_ar = flat_code;
    r.ds_ar = r.ss_ar = r.es_ar = flat_data;
    r.tr_limit = 0x67;
    r.tr_ar = busy_tss;
    return initialise_and_up(vcpu, context);
}

bool start_in_16_bit_mode(std::uint32_t vcpu) {
    put_real_mode_code();
    vcpu_hvm_context context{};
    context.mode = VCPU_HVM_MODE_32B;
    auto& r = context.cpu_regs.x86_32;
    r.cr0 = 0x10;
    r.cs_base = startup_page << 12;
    r.cs_limit = r.ds_limit = r.ss_limit = r.es_limit = 0xffff;
    r.cs_ar = code16;
    r.ds_ar = r.ss_ar = r.es_ar = data16;
    r.tr_limit = 0xffff;
    r.tr_ar = busy_tss;
    return initialise_and_up(vcpu, context);
}

} // namespace bulkhead::guest::smp
