// SPDX-License-Identifier: Apache-2.0
// What reads and writes of MSRs do; which there are is the policy's (msr_policy.hpp).
// It must not know: the instructions that read and write them.
#include "msr.hpp"

#include <iterator>

#include "ipi.hpp"
#include "msr_policy.hpp"
#include "width.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t efer_sce = 1u << 0;
constexpr std::uint64_t efer_lme = 1u << 8;
constexpr std::uint64_t efer_lma = 1u << 10;
constexpr std::uint64_t efer_nxe = 1u << 11;
constexpr std::uint64_t cr0_pg = 1u << 31;

bool read_efer(Domain&, Vcpu& v, std::uint32_t, std::uint64_t& value) {
    value = v.state->efer;
    return true;
}

/// APM 2, 3.1.7. LMA is the CPU's: what the guest writes there has no effect.
bool write_efer(Domain& d, Vcpu& v, std::uint32_t, std::uint64_t value) {
    VcpuState& s = *v.state;
    const std::uint64_t nxe = guest_has_nx(d.processor.cpuid) ? efer_nxe : 0;
    if ((value & ~(efer_sce | efer_lme | efer_lma | nxe)) != 0) {
        return false;
    }
    if (((value ^ s.efer) & efer_lme) != 0 && (s.cr0 & cr0_pg) != 0) {
        return false;
    }
    s.efer = (value & ~efer_lma) | (s.efer & efer_lma);
    v.touch(VcpuGroups::mode);
    return true;
}

bool read_apic_base(Domain&, Vcpu& v, std::uint32_t, std::uint64_t& value) {
    value = v.lapic.base();
    return true;
}
bool write_apic_base(Domain&, Vcpu& v, std::uint32_t, std::uint64_t value) {
    return v.lapic.write_base(value);
}

bool read_x2apic(Domain&, Vcpu& v, std::uint32_t msr, std::uint64_t& value) {
    return v.lapic.read_msr(msr, value);
}
bool write_x2apic(Domain& d, Vcpu& v, std::uint32_t msr, std::uint64_t value) {
    const bool written = v.lapic.write_msr(msr, value);
    deliver_ipi(d, v);
    return written;
}

bool read_pat(Domain&, Vcpu& v, std::uint32_t, std::uint64_t& value) {
    value = v.pat;
    return true;
}
/// Each byte is a memory type: UC, WC, WT, WP, WB, UC- (APM 2, 7.8.1).
bool write_pat(Domain&, Vcpu& v, std::uint32_t, std::uint64_t value) {
    for (std::uint32_t i = 0; i < 8; ++i) {
        const std::uint64_t type = (value >> (8 * i)) & 0xff;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    v.pat = value;
    v.state->pat = value;
    v.touch(VcpuGroups::pat);
    return true;
}

bool read_tsc_aux(Domain&, Vcpu& v, std::uint32_t, std::uint64_t& value) {
    value = v.tsc_aux;
    return true;
}
bool write_tsc_aux(Domain&, Vcpu& v, std::uint32_t, std::uint64_t value) {
    if (value > 0xffff'ffff) {
        return false;
    }
    v.tsc_aux = value;
    v.state->tsc_aux = value;
    v.touch(VcpuGroups::tsc);
    return true;
}

/// EnableCf8ExtCfg, which Linux sets on any AMD CPU if it is not. There is no configuration space behind it.
bool read_nb_cfg(Domain&, Vcpu&, std::uint32_t, std::uint64_t& value) {
    value = std::uint64_t{1} << 46;
    return true;
}
bool refuse_write(Domain&, Vcpu&, std::uint32_t, std::uint64_t) {
    return false;
}

bool read_hypercall_page(Domain&, Vcpu&, std::uint32_t, std::uint64_t& value) {
    value = 0;
    return true;
}

constexpr std::uint32_t stub_bytes = 32;
constexpr std::uint32_t stub_count = page_size / stub_bytes;

/// A page of stubs, one per hypercall number: mov eax, n; vmmcall; ret. HYPERVISOR_iret has no meaning here: ud2.
bool write_hypercall_page(Domain& d, Vcpu& v, std::uint32_t, std::uint64_t value) {
    constexpr std::uint8_t int3 = 0xcc;
    if ((value & (page_size - 1)) != 0) { // there is one page: index 0
        return false;
    }
    std::uint8_t* page = d.memory.page(gfn_of(GuestPhys{value}));
    if (page == nullptr) {
        return false;
    }
    for (std::uint32_t n = 0; n < stub_count; ++n) {
        std::uint8_t* stub = page + n * stub_bytes;
        const std::uint8_t call[] = {0xb8, static_cast<std::uint8_t>(n), 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};
        const std::uint8_t undefined[] = {0x0f, 0x0b};
        for (std::uint32_t i = 0; i < stub_bytes; ++i) {
            stub[i] = int3;
        }
        if (n == __HYPERVISOR_iret) {
            __builtin_memcpy(stub, undefined, sizeof undefined);
        } else {
            __builtin_memcpy(stub, call, sizeof call);
        }
    }
    latch_width(d, v);
    return true;
}

/// By MsrGroup.
constexpr struct {
    bool (*read)(Domain&, Vcpu&, std::uint32_t, std::uint64_t&);
    bool (*write)(Domain&, Vcpu&, std::uint32_t, std::uint64_t);
} handlers[] = {
    {read_x2apic, write_x2apic},
    {read_apic_base, write_apic_base},
    {read_pat, write_pat},
    {read_efer, write_efer},
    {read_tsc_aux, write_tsc_aux},
    {read_nb_cfg, refuse_write},
    {read_hypercall_page, write_hypercall_page},
};
static_assert(std::size(handlers) == static_cast<std::size_t>(MsrGroup::count));
static_assert(msr_policy[0].first == Lapic::msr_first && msr_policy[0].last == Lapic::msr_last);

const MsrPolicy* find(std::uint32_t msr) {
    for (const MsrPolicy& row : msr_policy) {
        if (msr >= row.first && msr <= row.last) {
            return &row;
        }
    }
    return nullptr;
}

} // namespace

bool read_msr(Domain& d, Vcpu& v, std::uint32_t msr, std::uint64_t& value) {
    const MsrPolicy* row = find(msr);
    return row != nullptr && handlers[static_cast<std::size_t>(row->group)].read(d, v, msr, value);
}

bool write_msr(Domain& d, Vcpu& v, std::uint32_t msr, std::uint64_t value) {
    const MsrPolicy* row = find(msr);
    return row != nullptr && row->writable && handlers[static_cast<std::size_t>(row->group)].write(d, v, msr, value);
}

} // namespace bulkhead::vcpu
