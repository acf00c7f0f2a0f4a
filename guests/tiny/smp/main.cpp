// SPDX-License-Identifier: Apache-2.0
// The SMP guest's first vCPU: starts four others, each in another way, has them add under contention, interrupts them
// by event channel, local APIC and NMI, takes two down and up again. Says PASS when every step went well.
#include "smp.hpp"

#include <bulkhead/xen.hpp>

#include <xen/hvm/hvm_op.h>

#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest::smp {

namespace {

constexpr std::uint32_t others = 4;
constexpr std::uint32_t by_interrupts = 1, in_64_bit = 2, in_32_bit = 3, in_16_bit = 4;
constexpr std::uint64_t patience_ns = 3'000'000'000;
constexpr std::uint64_t all_but_self = 0xc'0000;

bool failed;

void check(bool good, const char* what, std::uint32_t vcpu = 0) {
    if (!good) {
        failed = true;
        console_write(Line{} << "smp: FAIL: " << what << ", vcpu " << vcpu << '\n');
    }
}

/// Sleeps until it is so. False: patience has ended.
template <typename F> bool wait_until(F&& condition) {
    const auto end = system_time() + patience_ns;
    while (!condition()) {
        if (system_time() > end) {
            return false;
        }
        pause(0);
    }
    return true;
}

template <typename F> bool all_others(F&& condition) {
    return wait_until([&] {
        for (std::uint32_t i = 1; i <= others; ++i) {
            if (!condition(states[i])) {
                return false;
            }
        }
        return true;
    });
}

int runstate_of(std::uint32_t vcpu) {
    vcpu_runstate_info info{};
    return vcpu_op(VCPUOP_get_runstate_info, vcpu, &info) == 0 ? info.state : -1;
}

void interrupt(std::uint32_t vcpu) {
    send_ipi((std::uint64_t{vcpu} * 2 << 32) | ipi_vector);
}

void give_job(std::uint32_t vcpu, Job job) {
    states[vcpu].job = job;
    interrupt(vcpu);
}

void start_others() {
    for (std::uint32_t i = 1; i <= others; ++i) {
        check(vcpu_op(VCPUOP_is_up, i) == 0, "up before it was started", i);
        check(vcpu_op(VCPUOP_up, i) == -XEN_EINVAL, "up without registers", i);
        check(runstate_of(i) == RUNSTATE_offline, "not offline before it was started", i);
    }
    check(vcpu_op(VCPUOP_is_up, others + 1) == -XEN_ENOENT, "one vCPU too many");
    start_by_interrupts(by_interrupts);
    check(start_in_64_bit_mode(in_64_bit), "start", in_64_bit);
    check(start_in_32_bit_mode(in_32_bit), "start", in_32_bit);
    check(start_in_16_bit_mode(in_16_bit), "start", in_16_bit);
    check(all_others([](const volatile State& s) { return s.starts == 1; }), "not all came up");
    for (std::uint32_t i = 1; i <= others; ++i) {
        console_write(Line{} << "smp: vcpu " << i << " started " << states[i].starts << " times\n");
        check(vcpu_op(VCPUOP_is_up, i) == 1, "not up", i);
    }
}

void add() {
    for (std::uint32_t i = 1; i <= others; ++i) {
        give_job(i, Job::add);
    }
    add_together(0);
    check(all_others([](const volatile State& s) { return s.done == 1; }), "not all have added");
    const Sums s = sums();
    const std::uint64_t expected = std::uint64_t{additions} * (others + 1);
    check(s.atomic == expected && s.locked == expected, "a sum is wrong");
    console_write(Line{} << "smp: sums " << s.atomic << ' ' << s.locked << '\n');
}

void send_events() {
    constexpr std::uint32_t rounds = 20;
    std::uint32_t ports[others + 1]{};
    for (std::uint32_t i = 1; i <= others; ++i) {
        xen_hvm_evtchn_upcall_vector vector{i, upcall_vector_of_others};
        check(hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, vector) == 0, "upcall vector", i);
        evtchn_bind_ipi bind{};
        bind.vcpu = i;
        check(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, bind) == 0, "bind_ipi", i);
        ports[i] = bind.port;
        states[i].ports = std::uint64_t{1} << bind.port;
    }
    for (std::uint32_t round = 1; round <= rounds && !failed; ++round) {
        for (std::uint32_t i = 1; i <= others; ++i) {
            evtchn_send send{ports[i]};
            check(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, send) == 0, "send", i);
        }
        check(all_others([&](const volatile State& s) { return s.events == round; }), "an event is lost");
    }
    console_write(Line{} << "smp: " << rounds << " events for each\n");
}

void send_interrupts() {
    std::uint32_t before[others + 1];
    for (std::uint32_t i = 1; i <= others; ++i) {
        before[i] = states[i].ipis;
        interrupt(i);
        check(wait_until([&] { return states[i].ipis == before[i] + 1; }), "an interrupt is lost", i);
    }
    send_ipi(all_but_self | ipi_vector);
    for (std::uint32_t i = 1; i <= others; ++i) {
        check(wait_until([&] { return states[i].ipis == before[i] + 2; }), "a broadcast is lost", i);
        check(vcpu_op(VCPUOP_send_nmi, i) == 0, "send_nmi", i);
        check(wait_until([&] { return states[i].nmis == 1; }), "an NMI is lost", i);
    }
    console_write(Line{} << "smp: interrupts and NMIs arrive\n");
}

void down_and_up() {
    give_job(in_64_bit, Job::go_down);
    check(wait_until([] { return vcpu_op(VCPUOP_is_up, in_64_bit) == 0; }), "not down", in_64_bit);
    check(wait_until([] { return runstate_of(in_64_bit) == RUNSTATE_offline; }), "not offline", in_64_bit);
    const std::uint32_t done = states[in_64_bit].done;
    check(vcpu_op(VCPUOP_up, in_64_bit) == 0, "up", in_64_bit);
    check(wait_until([&] { return states[in_64_bit].done == done + 1; }), "does not go on", in_64_bit);
    check(states[in_64_bit].starts == 1, "started anew", in_64_bit);

    give_job(by_interrupts, Job::halt);
    check(wait_until([] { return vcpu_op(VCPUOP_is_up, by_interrupts) == 0; }), "not down", by_interrupts);
    start_by_interrupts(by_interrupts);
    check(wait_until([] { return states[by_interrupts].starts == 2; }), "not started again", by_interrupts);

    // One that is in the middle of something is taken down by another.
    check(vcpu_op(VCPUOP_down, in_16_bit) == 0 && vcpu_op(VCPUOP_is_up, in_16_bit) == 0, "down", in_16_bit);
    check(vcpu_op(VCPUOP_up, in_16_bit) == 0, "up", in_16_bit);
    interrupt(in_16_bit);
    console_write(Line{} << "smp: down and up again\n");
}

void use_timers() {
    for (std::uint32_t i = 1; i <= others; ++i) {
        const std::uint32_t done = states[i].done;
        give_job(i, Job::use_timer);
        check(wait_until([&] { return states[i].done == done + 1; }), "no timer", i);
    }
    console_write(Line{} << "smp: timers\n");
}

} // namespace

} // namespace bulkhead::guest::smp

namespace bulkhead::guest {

void guest_main() {
    using namespace smp;
    using Step = void (*)();
    set_up_events();
    install_handlers();
    // The others are started in xAPIC mode, by memory accesses; from then on x2APIC mode's MSRs are used.
    constexpr Step steps[] = {start_others,    enable_local_apic, add,       send_events,
                              send_interrupts, down_and_up,       use_timers};
    for (const Step step : steps) {
        if (!failed) {
            step();
        }
    }
    console_write(Line{} << (failed ? "smp: FAIL\n" : "smp: PASS\n"));
    if (has_word("halt")) { // the last one to halt ends the domain
        for (std::uint32_t i = 1; i <= others; ++i) {
            give_job(i, Job::halt);
        }
        halt_for_ever();
    }
}

} // namespace bulkhead::guest
