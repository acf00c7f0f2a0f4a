// SPDX-License-Identifier: Apache-2.0
// Registers that VMRUN does not switch: x87, SSE and AVX state, XCR0, PKRU, DR0 to DR3. The kernel and ring 3 use none
// of them, so they stay in the CPU while the guest's exits are handled, and move only when another guest runs there.
//
// What keeps ring 3 from reading them: CR0.TS set (#NM), CR4.OSXSAVE and CR4.PKE clear (XGETBV and RDPKRU are #UD), and
// MOV DR is privileged. #VMEXIT disables the breakpoints of DR7 (where it does not: debug_control_intercepts).
//
// Speculation: when the guest of another domain comes in, an IBPB (where the CPU has it) keeps it from being steered by
// the last one's branch history. There is none between a guest and its own monitor: they are one domain.
#pragma once

#include "features.hpp"
#include "guest.hpp"

namespace bulkhead::kernel::svm {

/// One CPU's extra registers and whose they are.
class Residence {
public:
    explicit constexpr Residence(const Features& features) : features_{&features} {}

    /// Brings the guest's registers into this CPU, after those of its last guest went out.
    void enter(HostPhys pages, HostPhys stage2_root) {
        if (owner_ != pages) [[unlikely]] {
            exchange(pages, stage2_root);
        }
    }
    /// The guest's registers, if they are here, are dropped.
    void forget(HostPhys pages) {
        if (owner_ == pages) {
            owner_ = HostPhys{0};
        }
    }

private:
    void exchange(HostPhys pages, HostPhys stage2_root);
    void save(ExtraRegisters& registers) const;
    void load(const ExtraRegisters& registers) const;

    const Features* features_;
    HostPhys owner_{0};     ///< first page of the vCPU; 0: nobody's, and nothing of anybody's is worth saving
    HostPhys last_root_{0}; ///< names the last guest's domain
};

/// What a vCPU starts with.
void init_registers(ExtraRegisters& registers);

} // namespace bulkhead::kernel::svm
