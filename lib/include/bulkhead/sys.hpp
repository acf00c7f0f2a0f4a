// SPDX-License-Identifier: Apache-2.0
// Typed calls for every kernel operation. Meaning, rights, errors and bounds: bulkhead/abi/syscall.hpp and methods.hpp.
#pragma once

#include <bulkhead/abi/boot_info.hpp>
#include <bulkhead/abi/methods.hpp>
#include <bulkhead/abi/offers.hpp>
#include <bulkhead/abi/vcpu.hpp>
#include <bulkhead/raw_syscall.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/slots.hpp>

namespace bulkhead::sys {

[[nodiscard]] inline Result<std::uint64_t> invoke(Selector object, Method method, std::uint64_t a = 0,
                                                  std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0) {
    const Raw r = raw(Syscall::invoke, object.value, static_cast<std::uint64_t>(method), a, b, c, d);
    if (r.status != Status::ok) {
        return r.status;
    }
    return r.value;
}
[[nodiscard]] inline Status invoke_status(Selector object, Method method, std::uint64_t a = 0, std::uint64_t b = 0,
                                          std::uint64_t c = 0, std::uint64_t d = 0) {
    return raw(Syscall::invoke, object.value, static_cast<std::uint64_t>(method), a, b, c, d).status;
}

// --- capabilities
[[nodiscard]] inline Status retype(Selector untyped, ObjectType type, std::uint64_t size, Selector destination,
                                   std::uint32_t count = 1) {
    return invoke_status(untyped, Method::untyped_retype,
                         static_cast<std::uint64_t>(type) | (std::uint64_t{count} << 8), size, destination.value);
}
[[nodiscard]] inline Status mint(Selector space, Selector destination, Selector source, Rights rights,
                                 std::uint64_t a = 0, std::uint64_t b = 0) {
    return invoke_status(space, Method::cap_mint, destination.value,
                         std::uint64_t{source.value} | (static_cast<std::uint64_t>(rights) << 32), a, b);
}
[[nodiscard]] inline Status mint_badge(Selector space, Selector destination, Selector source, Rights rights,
                                       std::uint64_t badge) {
    return mint(space, destination, source, rights, badge | mint_badged);
}
[[nodiscard]] inline Status move(Selector space, Selector destination, Selector source) {
    return invoke_status(space, Method::cap_move, destination.value, source.value);
}
[[nodiscard]] inline Status remove(Selector slot_to_empty, Selector space = slot::cap_space) {
    return invoke_status(space, Method::cap_delete, slot_to_empty.value);
}
[[nodiscard]] inline Status revoke(Selector parent, Selector space = slot::cap_space) {
    return invoke_status(space, Method::cap_revoke, parent.value);
}
[[nodiscard]] inline Result<CapSummary> inspect(Selector what, Selector space = slot::cap_space) {
    const auto r = invoke(space, Method::cap_inspect, what.value);
    if (!r) {
        return r.status();
    }
    return CapSummary::unpack(*r);
}

// --- memory
[[nodiscard]] inline Status map(Selector pages, Selector space, std::uint64_t address, Rights rights,
                                std::uint64_t flags = 0) {
    return invoke_status(pages, Method::map, space.value, address, static_cast<std::uint64_t>(rights) | flags);
}
[[nodiscard]] inline Status unmap(Selector pages) {
    return invoke_status(pages, Method::unmap);
}
/// How many pages were done, the first of them at least.
[[nodiscard]] inline Result<std::uint64_t> restore(Selector region, std::uint64_t offset, std::uint64_t pages,
                                                   Rights rights) {
    return invoke(region, Method::restore, offset, pages, static_cast<std::uint64_t>(rights));
}
[[nodiscard]] inline Result<std::uint64_t> info(Selector object) {
    return invoke(object, Method::info);
}
[[nodiscard]] inline Status stage2_unmap(Selector space, GuestPhys first, std::uint64_t pages) {
    return invoke_status(space, Method::stage2_unmap, first.value, pages);
}

// --- offers
[[nodiscard]] inline Status offers_configure(Selector offers, Selector table, Selector stage2, Selector ram,
                                             Selector more_ram) {
    return invoke_status(offers, Method::offers_configure, table.value | (std::uint64_t{stage2.value} << 32),
                         ram.value | (std::uint64_t{more_ram.value} << 32));
}
/// `space` is where the page goes, `track` the capability space in which `at` names the slot for it.
[[nodiscard]] inline Status offers_map(Selector offers, std::uint32_t entry, bool write, Selector space, Selector track,
                                       std::uint64_t address, Selector at) {
    return invoke_status(offers, Method::offers_map, entry | (write ? offer_write : 0),
                         space.value | (std::uint64_t{track.value} << 32), address, at.value);
}
/// How the table is read from now on. Not while something of it is mapped.
[[nodiscard]] inline Status offers_format(Selector offers, OfferFormat format) {
    return invoke_status(offers, Method::offers_format, static_cast<std::uint64_t>(format));
}

// --- threads
[[nodiscard]] inline Status thread_configure(Selector thread, Selector cap_space, Selector address_space,
                                             UserVirt entry, UserVirt stack, std::uint64_t argument) {
    return invoke_status(thread, Method::thread_configure,
                         std::uint64_t{cap_space.value} | (std::uint64_t{address_space.value} << 32), entry.value,
                         stack.value, argument);
}
[[nodiscard]] inline Status thread_schedule(Selector thread, Selector cpu_time, CpuId cpu, std::uint32_t priority,
                                            std::uint64_t budget_us, std::uint64_t period_us) {
    return invoke_status(thread, Method::thread_schedule,
                         std::uint64_t{cpu_time.value} | (std::uint64_t{cpu.value} << 32), priority, budget_us,
                         period_us);
}
[[nodiscard]] inline Status thread_bind_events(Selector thread, Selector events) {
    return invoke_status(thread, Method::thread_bind_events, events.value);
}
[[nodiscard]] inline Status thread_bind_fault(Selector thread, Selector events) {
    return invoke_status(thread, Method::thread_bind_fault, events.value);
}
[[nodiscard]] inline Status thread_start(Selector thread) {
    return invoke_status(thread, Method::thread_start);
}
[[nodiscard]] inline Status thread_stop(Selector thread) {
    return invoke_status(thread, Method::thread_stop);
}
[[nodiscard]] inline Result<std::uint64_t> thread_read_fault(Selector thread) {
    return invoke(thread, Method::thread_read_fault);
}
[[nodiscard]] inline Status portal_bind(Selector portal, Selector thread) {
    return invoke_status(portal, Method::portal_bind, thread.value);
}

// --- events, interrupts, ports
[[nodiscard]] inline Status signal(Selector events) {
    return raw(Syscall::signal, events.value).status;
}
[[nodiscard]] inline Status wait(Selector events, Tsc deadline = Tsc{0}) {
    return raw(Syscall::wait, events.value, deadline.value).status;
}
inline void yield() {
    (void)raw(Syscall::yield);
}
[[nodiscard]] inline Status interrupt_bind(Selector interrupt, Selector events, bool level, bool active_low) {
    return invoke_status(interrupt, Method::interrupt_bind, events.value, (level ? 1u : 0u) | (active_low ? 2u : 0u));
}
[[nodiscard]] inline Status interrupt_ack(Selector interrupt) {
    return invoke_status(interrupt, Method::interrupt_ack);
}
[[nodiscard]] inline Result<std::uint64_t> io_in(Selector ports, std::uint16_t port, std::uint32_t width) {
    return invoke(ports, Method::io_in, port, width);
}
[[nodiscard]] inline Status io_out(Selector ports, std::uint16_t port, std::uint32_t width, std::uint32_t value) {
    return invoke_status(ports, Method::io_out, port, width, value);
}

// --- calls
struct CallResult {
    Status status;
    MessageInfo info;
};
[[nodiscard]] inline CallResult call(Selector portal, MessageInfo message) {
    const Raw r = raw(Syscall::call, portal.value, message.pack());
    return {r.status, MessageInfo::unpack(r.value)};
}
[[nodiscard]] inline CallResult reply_wait(MessageInfo reply, Tsc deadline = Tsc{0}) {
    const Raw r = raw(Syscall::reply_wait, 0, reply.pack(), 0, 0, deadline.value);
    return {r.status, MessageInfo::unpack(r.value)};
}

// --- vCPUs
struct RunResult {
    Status status;
    ExitReason reason;
};
[[nodiscard]] inline RunResult vcpu_run(Selector vcpu, VcpuGroups changed, Selector signal_first, Tsc deadline) {
    const Raw r =
        raw(Syscall::vcpu_run, vcpu.value, static_cast<std::uint64_t>(changed), signal_first.value, deadline.value);
    return {r.status, static_cast<ExitReason>(r.value)};
}
[[nodiscard]] inline Status vcpu_bind(Selector vcpu, Selector stage2, Selector thread) {
    return invoke_status(vcpu, Method::vcpu_bind, stage2.value, thread.value);
}
[[nodiscard]] inline Status vcpu_expose(Selector vcpu, VcpuGroups groups) {
    return invoke_status(vcpu, Method::vcpu_expose, static_cast<std::uint64_t>(groups));
}

} // namespace bulkhead::sys
