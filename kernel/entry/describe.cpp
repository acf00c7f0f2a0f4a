// SPDX-License-Identifier: Apache-2.0
// What a panic says about the kernel's own state: the addresses of the objects in use, for a debugger.
#include "sched/cpu.hpp"

namespace bulkhead::kernel {

namespace {

void line(const char* what, const void* object) {
    if (object != nullptr) {
        arch::print("  ");
        arch::print(what);
        arch::print(" ");
        arch::print_hex(reinterpret_cast<std::uint64_t>(object));
        arch::print("\n");
    }
}

} // namespace

void describe_current(const Cpu& cpu) {
    line("thread", cpu.current);
    line("paid by thread", cpu.payer != cpu.current ? cpu.payer : nullptr);
    line("in guest of vcpu", cpu.current != nullptr ? cpu.current->in_guest : nullptr);
    line("address space", cpu.loaded);
    line("stage 2", cpu.guest);
}

} // namespace bulkhead::kernel
