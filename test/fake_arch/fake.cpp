// SPDX-License-Identifier: Apache-2.0
#include "fake.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <memory>

#include "base/panic.hpp"

namespace bulkhead::kernel {

Cpu* cpus[arch::max_cpus]{};
std::uint32_t cpu_count{0};

void panic(const char* what) {
    throw std::runtime_error{what};
}

namespace fake {

Machine machine;

namespace {
std::vector<std::unique_ptr<Cpu>> storage;
}

void reset(std::uint32_t count) {
    machine = {};
    machine.roots.resize(count);
    machine.timer.assign(count, ~std::uint64_t{0});
    storage.clear();
    cpu_count = count;
    for (std::uint32_t i = 0; i < count; ++i) {
        storage.push_back(std::make_unique<Cpu>());
        cpus[i] = storage.back().get();
        cpus[i]->id = CpuId{i};
        cpus[i]->charged_until = machine.now;
    }
}

} // namespace fake

namespace arch {

using fake::machine;

SyscallArguments syscall_arguments(const UserFrame& f) {
    return {f.gpr[0], f.gpr[7], f.gpr[6], f.gpr[2], f.gpr[10], f.gpr[8], f.gpr[9]};
}
void set_syscall_result(UserFrame& f, Status status, std::uint64_t value) {
    f.gpr[0] = static_cast<std::uint64_t>(status);
    f.gpr[2] = value;
}
void restart_syscall(UserFrame& f) {
    f.rip -= 2;
}
void init_frame(UserFrame& f, std::uint64_t rip, std::uint64_t rsp, std::uint64_t argument) {
    f = {};
    f.rip = rip;
    f.gpr[4] = rsp;
    f.gpr[7] = argument;
}
Cpu& this_cpu() {
    return *cpus[machine.current_cpu];
}
std::uint64_t now() {
    return machine.now;
}
std::uint64_t tsc_khz() {
    return 1'000'000;
}
void arm_timer(std::uint64_t deadline) {
    machine.timer[machine.current_cpu] = deadline;
}
bool interrupt_waiting() {
    return machine.interrupt_waiting;
}
void kick(CpuId cpu) {
    machine.kicks.push_back(cpu.value);
}
void shootdown(CpuMask mask) {
    machine.shootdowns.push_back(mask);
}
void poll_shootdown() {}
void* to_virtual(HostPhys address) {
    return reinterpret_cast<void*>(address.value);
}
HostPhys to_physical(const void* address) {
    return HostPhys{reinterpret_cast<std::uint64_t>(address)};
}
void load_root(HostPhys root) {
    machine.roots[machine.current_cpu] = root;
}
void init_root(HostPhys) {}
std::uint32_t port_in(std::uint16_t port, std::uint32_t) {
    return port;
}
void port_out(std::uint16_t port, std::uint32_t, std::uint32_t value) {
    machine.port_writes.emplace_back(port, value);
}
std::uint32_t interrupt_count() {
    return 24;
}
bool interrupt_route(std::uint32_t gsi, CpuId, bool, bool) {
    return gsi < 24;
}
void interrupt_mask(std::uint32_t gsi, bool masked) {
    (masked ? machine.masked : machine.unmasked).push_back(gsi);
}
void vcpu_init(HostPhys) {}
Status vcpu_commit(HostPhys pages, VcpuGroups) {
    const auto& state = *static_cast<VcpuState*>(to_virtual(HostPhys{pages.value + (vcpu_pages - 1) * page_size}));
    return state.cr0 == ~std::uint64_t{0} ? Status::bad_argument : Status::ok; // the one value this fake refuses
}
void vcpu_expose(HostPhys, VcpuGroups) {}
GuestExit vcpu_enter(HostPhys pages, HostPhys, bool flush) {
    return machine.guest(pages, flush);
}
void vcpu_forget(Cpu&, HostPhys) {}
std::uint32_t asid_count() {
    return 16;
}
void return_to_user(UserFrame& frame) {
    throw fake::LeftToUser{&frame};
}
void print(const char*) {}
void print_hex(std::uint64_t) {}
void idle() {
    throw fake::LeftToIdle{};
}
void dispatch_interrupt(std::uint64_t vector) {
    switch (vector) {
    case 0:
        on_timer();
        break;
    case 1:
        on_kick();
        break;
    default:
        interrupt_mask(static_cast<std::uint32_t>(vector - 32), true);
        on_device_interrupt(static_cast<std::uint32_t>(vector - 32));
        break;
    }
}

} // namespace arch
} // namespace bulkhead::kernel
