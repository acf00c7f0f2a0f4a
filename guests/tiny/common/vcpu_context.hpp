// SPDX-License-Identifier: Apache-2.0
// Contexts for VCPUOP_initialise (public/hvm/hvm_vcpu.h) with which a vCPU starts in code of each width. Stack and
// general registers are 0. It must not know: what the vCPU does then.
#pragma once

#include <bulkhead/xen.hpp>

#include <xen/hvm/hvm_vcpu.h>

#include "memory.hpp"

namespace bulkhead::guest {

namespace access { ///< as the CPU keeps it, 12 bits
inline constexpr std::uint16_t flat_code = 0xc9b, flat_data = 0xc93, code16 = 0x9b, data16 = 0x93, busy_tss = 0x8b;
}

/// Free memory below 1 MiB: where real-mode code can be.
inline constexpr std::uint32_t startup_page = 0x60;
inline void put_at_startup_page(const unsigned char* begin, const unsigned char* end) {
    auto* to = at_physical<volatile unsigned char>(std::uint64_t{startup_page} << 12);
    for (const unsigned char* from = begin; from != end; ++from, ++to) {
        *to = *from;
    }
}

namespace detail {
inline vcpu_hvm_context legacy(std::uint32_t cr0, std::uint32_t base, std::uint32_t limit, std::uint16_t code,
                               std::uint16_t data) {
    vcpu_hvm_context context{};
    context.mode = VCPU_HVM_MODE_32B;
    auto& r = context.cpu_regs.x86_32;
    r.cr0 = cr0;
    r.cs_base = r.ds_base = r.ss_base = r.es_base = base;
    r.cs_limit = r.ds_limit = r.ss_limit = r.es_limit = limit;
    r.cs_ar = code;
    r.ds_ar = r.ss_ar = r.es_ar = data;
    r.tr_limit = 0xffff;
    r.tr_ar = access::busy_tss;
    return context;
}
} // namespace detail

/// Real mode, at the beginning of the startup page.
inline vcpu_hvm_context context_in_16_bit_code() {
    return detail::legacy(0x10, startup_page << 12, 0xffff, access::code16, access::data16);
}
/// Protected mode without paging.
inline vcpu_hvm_context context_in_32_bit_code(const void* code) {
    vcpu_hvm_context context = detail::legacy(0x11, 0, 0xffff'ffff, access::flat_code, access::flat_data);
    context.cpu_regs.x86_32.eip = static_cast<std::uint32_t>(address_of(code));
    return context;
}
inline vcpu_hvm_context context_in_64_bit_code(const void* code, const void* page_table) {
    vcpu_hvm_context context{};
    context.mode = VCPU_HVM_MODE_64B;
    auto& r = context.cpu_regs.x86_64;
    r.rip = address_of(code);
    r.cr0 = 0x8000'0033;
    r.cr3 = address_of(page_table);
    r.cr4 = 0x620;  // PAE, OSFXSR, OSXMMEXCPT
    r.efer = 0x500; // LME, LMA
    return context;
}

} // namespace bulkhead::guest
