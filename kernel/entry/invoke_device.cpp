// SPDX-License-Identifier: Apache-2.0
// vCPUs, interrupts and I/O ports.
#include "entry/invoke.hpp"
#include "entry/lookup.hpp"
#include "object/interrupts.hpp"

namespace bulkhead::kernel {

namespace {

Status bind_vcpu(Vcpu& vcpu, const Invocation& call) {
    const auto stage2 = find_object<Stage2>(call.thread, call.a, ObjectType::stage2, Rights::map);
    if (stage2.status != Status::ok) {
        return stage2.status;
    }
    const auto runner = find_object<Thread>(call.thread, call.b, ObjectType::thread, Rights::control);
    if (runner.status != Status::ok) {
        return runner.status;
    }
    if (vcpu.stage2 || vcpu.runner) {
        return Status::busy;
    }
    vcpu.stage2.set(stage2.object);
    vcpu.runner.set(runner.object);
    return Status::ok;
}

Status expose_vcpu(Vcpu& vcpu, const Invocation& call) {
    const auto groups = static_cast<VcpuGroups>(call.a);
    if (!includes(VcpuGroups::all, groups)) {
        return Status::bad_argument;
    }
    // Whoever holds the capability can ask, but only the runner knows that the guest is not running.
    if (vcpu.runner.get() != &call.thread) {
        return Status::busy;
    }
    arch::vcpu_expose(vcpu.pages(), groups);
    return Status::ok;
}

Status bind_interrupt(const Capability& line, const Invocation& call) {
    const auto set = find_object<EventSet>(call.thread, call.a, ObjectType::event_set, Rights::write);
    if (set.status != Status::ok) {
        return set.status;
    }
    if (line.size != 1 || !set.slot->capability.badged || call.b > 3) {
        return Status::bad_argument;
    }
    return interrupts::bind(static_cast<std::uint32_t>(line.word), *set.object,
                            static_cast<std::uint32_t>(set.slot->capability.badge), (call.b & 1) != 0,
                            (call.b & 2) != 0);
}

MethodResult port_access(const Capability& range, const Invocation& call) {
    const std::uint64_t width = call.b;
    if (width != 1 && width != 2 && width != 4) {
        return {Status::bad_argument};
    }
    if (call.a < range.word || call.a - range.word >= range.size || range.size - (call.a - range.word) < width) {
        return {Status::out_of_range};
    }
    const auto port = static_cast<std::uint16_t>(call.a);
    if (call.method == Method::io_in) {
        return {Status::ok, arch::port_in(port, static_cast<std::uint32_t>(width))};
    }
    arch::port_out(port, static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(call.c));
    return {};
}

} // namespace

MethodResult invoke_device(const Invocation& call) {
    const Capability& capability = call.slot.capability;
    switch (call.method) {
    case Method::vcpu_bind:
        return {bind_vcpu(static_cast<Vcpu&>(*capability.object()), call)};
    case Method::vcpu_expose:
        return {expose_vcpu(static_cast<Vcpu&>(*capability.object()), call)};
    case Method::interrupt_bind:
        return {bind_interrupt(capability, call)};
    case Method::interrupt_ack:
        return {capability.size == 1 ? interrupts::acknowledge(static_cast<std::uint32_t>(capability.word))
                                     : Status::bad_argument};
    case Method::io_in:
    case Method::io_out:
        return port_access(capability, call);
    default:
        return {Status::bad_method};
    }
}

} // namespace bulkhead::kernel
