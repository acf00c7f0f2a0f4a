// SPDX-License-Identifier: Apache-2.0
// The two ways into the hypervisor.
#include "hypercall.hpp"

#include "cpu.hpp"

asm(".text\n"
    ".globl hypercall_instruction\n"
    "hypercall_instruction: vmmcall\n"
    "ret");
extern "C" const char hypercall_instruction[];

namespace bulkhead::guest {
namespace {

constexpr std::uint32_t xen_leaf = 0x4000'0000;
constexpr Word entry_bytes = 32;
constexpr Word entries = 4096 / entry_bytes;

alignas(4096) unsigned char hypercall_page[4096];
bool filled;
EnterBy enter_by = EnterBy::instruction;

bool fill_page() {
    const CpuidResult leaf = cpuid(xen_leaf + 2);
    if (cpuid(xen_leaf).eax < xen_leaf + 2 || leaf.eax == 0) {
        return false;
    }
    write_msr(leaf.ebx, address_of(hypercall_page));
    return true;
}

} // namespace

bool enter_hypercalls_by(EnterBy way) {
    if (way == EnterBy::page && !filled && !(filled = fill_page())) {
        return false;
    }
    enter_by = way;
    return true;
}

EnterBy hypercalls_entered_by() {
    return enter_by;
}

const void* hypercall_entry(Word number) {
    if (enter_by == EnterBy::page && number < entries) {
        return hypercall_page + number * entry_bytes;
    }
    return hypercall_instruction;
}

} // namespace bulkhead::guest
