// SPDX-License-Identifier: Apache-2.0
// A virtual CPU: its architecture part (control block, vector state, state page) and who may run it.
#pragma once

#include "object/space.hpp"
#include "object/thread.hpp"

namespace bulkhead::kernel {

class Vcpu : public Object {
public:
    Vcpu() : Object{ObjectType::vcpu}, pages_{arch::to_physical(this).value + page_size} {}

    /// First page after the object's own: arch::vcpu_pages of them, the state page last.
    HostPhys pages() const { return pages_; }
    HostPhys state_frame() const { return HostPhys{pages().value + (arch::vcpu_pages - 1) * page_size}; }
    VcpuState& state() const { return *static_cast<VcpuState*>(arch::to_virtual(state_frame())); }

    Ref<Stage2> stage2;
    Ref<Thread> runner;
    std::uint64_t seen_epoch{0};    ///< of stage2, at the last entry
    std::uint32_t home_cpu{no_cpu}; ///< where its registers may still be

private:
    HostPhys pages_;
};

} // namespace bulkhead::kernel
