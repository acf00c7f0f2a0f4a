// SPDX-License-Identifier: Apache-2.0
#include "residence.hpp"

#include <arch/x86_64/registers.hpp>

namespace bulkhead::kernel::svm {
namespace {

constexpr auto msr_pred_cmd = static_cast<arch::Msr>(0x49);
constexpr std::uint64_t ibpb = 1;

std::uint64_t read_cr4() {
    std::uint64_t value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

std::uint64_t read_xcr0() {
    u32 low;
    u32 high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (u64{high} << 32) | low;
}

void write_xcr0(u64 value) {
    asm volatile("xsetbv" : : "c"(0), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
}

/// Makes vector state accessible for its lifetime.
class Unlocked {
public:
    Unlocked() {
        asm volatile("clts" : : : "memory");
        arch::write_cr4(read_cr4() | arch::cr4::osxsave);
    }
    ~Unlocked() {
        arch::write_cr4(read_cr4() & ~arch::cr4::osxsave);
        arch::write_cr0(arch::cr0::host);
    }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;
};

} // namespace

/// All components whatever the guest's XCR0 says: what it once enabled is still in the registers.
void Residence::save(ExtraRegisters& registers) const {
    asm volatile("mov %%dr0, %0" : "=r"(registers.dr[0]));
    asm volatile("mov %%dr1, %0" : "=r"(registers.dr[1]));
    asm volatile("mov %%dr2, %0" : "=r"(registers.dr[2]));
    asm volatile("mov %%dr3, %0" : "=r"(registers.dr[3]));
    const Unlocked unlocked;
    registers.xcr0 = read_xcr0();
    write_xcr0(features_->xcr0);
    asm volatile("xsave64 %0" : "+m"(registers.vector_state) : "a"(~0u), "d"(~0u) : "memory");
}

void Residence::load(const ExtraRegisters& registers) const {
    asm volatile("mov %0, %%dr0" : : "r"(registers.dr[0]));
    asm volatile("mov %0, %%dr1" : : "r"(registers.dr[1]));
    asm volatile("mov %0, %%dr2" : : "r"(registers.dr[2]));
    asm volatile("mov %0, %%dr3" : : "r"(registers.dr[3]));
    const Unlocked unlocked;
    asm volatile("fninit"); // older processors restore the x87 instruction and data pointers only after an exception
    write_xcr0(features_->xcr0);
    asm volatile("xrstor64 %0" : : "m"(registers.vector_state), "a"(~0u), "d"(~0u) : "memory");
    write_xcr0(registers.xcr0);
}

void Residence::exchange(HostPhys pages, HostPhys stage2_root) {
    if (owner_.value != 0) {
        save(Guest{owner_}.local.registers);
    }
    load(Guest{pages}.local.registers);
    if (features_->branch_barrier && last_root_ != stage2_root) {
        arch::write_msr(msr_pred_cmd, ibpb);
    }
    owner_ = pages;
    last_root_ = stage2_root;
}

void init_registers(ExtraRegisters& registers) {
    registers = {};
    constexpr std::uint16_t fcw_initial = 0x037f;
    constexpr u32 mxcsr_initial = 0x1f80;
    constexpr std::size_t mxcsr_offset = 24; // APM 2, 11.4.4
    __builtin_memcpy(registers.vector_state, &fcw_initial, sizeof fcw_initial);
    __builtin_memcpy(registers.vector_state + mxcsr_offset, &mxcsr_initial, sizeof mxcsr_initial);
    registers.xcr0 = 1;
}

} // namespace bulkhead::kernel::svm
