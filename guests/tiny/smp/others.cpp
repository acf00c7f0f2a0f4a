// SPDX-License-Identifier: Apache-2.0
// What the other vCPUs do: each has a job at a time, and counts what it has done and what has arrived.
// It must not know: how they were started.
#include "smp.hpp"

#include <bulkhead/xen.hpp>

#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"
#include "traps.hpp"

namespace bulkhead::guest::smp {

volatile State states[max_vcpus];

namespace {

constexpr std::uint32_t msr_base = 0x1b, x2apic_mode = 0xc00;
constexpr std::uint32_t msr_id = 0x802, msr_eoi = 0x80b, msr_spurious = 0x80f;
constexpr std::uint8_t nmi_vector = 2;

std::uint64_t atomic_sum;
volatile std::uint64_t locked_sum;
char lock;

std::uint32_t own_number() {
    return static_cast<std::uint32_t>(read_msr(msr_id)) / 2;
}
void count(volatile std::uint32_t& what) {
    what = what + 1;
}

void on_upcall() {
    const std::uint32_t vcpu = own_number();
    auto& info = shared().vcpu_info[vcpu];
    __atomic_store_n(&info.evtchn_upcall_pending, std::uint8_t{0}, __ATOMIC_SEQ_CST);
    (void)__atomic_exchange_n(&info.evtchn_pending_sel, xen_ulong_t{0}, __ATOMIC_SEQ_CST);
    auto pending = shared().evtchn_pending[0] & ~shared().evtchn_mask[0] & states[vcpu].ports;
    for (; pending != 0; pending &= pending - 1) {
        const auto bit = xen_ulong_t{1} << __builtin_ctzl(pending);
        __atomic_fetch_and(&shared().evtchn_pending[0], ~bit, __ATOMIC_SEQ_CST);
        count(states[vcpu].events);
    }
    write_msr(msr_eoi, 0);
}

void on_ipi() {
    count(states[own_number()].ipis);
    write_msr(msr_eoi, 0);
}

void on_nmi() {
    count(states[own_number()].nmis);
}

bool arm_own_timer(std::uint32_t vcpu) {
    evtchn_bind_virq bind{};
    bind.virq = VIRQ_TIMER;
    bind.vcpu = vcpu;
    if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, bind) != 0) {
        return false;
    }
    states[vcpu].ports = states[vcpu].ports | (std::uint64_t{1} << bind.port);
    vcpu_set_singleshot_timer timer{system_time() + 1'000'000, 0};
    return vcpu_op(VCPUOP_set_singleshot_timer, vcpu, &timer) == 0 &&
           vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer) == -XEN_EINVAL; // another's is not ours to set
}

void work(std::uint32_t vcpu, Job job) {
    switch (job) {
    case Job::wait:
        return;
    case Job::add:
        add_together(vcpu);
        break;
    case Job::go_down:
        (void)vcpu_op(VCPUOP_down, vcpu); // comes back when somebody brings it up again
        break;
    case Job::halt:
        halt_for_ever();
    case Job::use_timer: {
        const std::uint32_t before = states[vcpu].events;
        if (!arm_own_timer(vcpu)) {
            return; // and it is never done
        }
        while (states[vcpu].events == before) {
            wait_for_interrupt();
        }
        break;
    }
    }
    states[vcpu].job = Job::wait;
    count(states[vcpu].done);
}

} // namespace

void pause(std::uint32_t vcpu) {
    constexpr std::uint64_t moment_ns = 50'000;
    // An upcall that nobody takes would end the sleep at once.
    __atomic_store_n(&shared().vcpu_info[vcpu].evtchn_upcall_pending, std::uint8_t{0}, __ATOMIC_SEQ_CST);
    sched_poll poll{};
    poll.timeout = system_time() + moment_ns;
    (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, poll);
}

void add_together(std::uint32_t vcpu) {
    for (std::uint32_t i = 0; i < additions; ++i) {
        __atomic_fetch_add(&atomic_sum, 1, __ATOMIC_SEQ_CST);
        while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE)) {
            (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
            pause(vcpu);
        }
        locked_sum = locked_sum + 1;
        __atomic_clear(&lock, __ATOMIC_RELEASE);
    }
}

Sums sums() {
    return {atomic_sum, locked_sum};
}

void install_handlers() {
    set_interrupt_handler(upcall_vector_of_others, on_upcall);
    set_interrupt_handler(ipi_vector, on_ipi);
    set_interrupt_handler(nmi_vector, on_nmi);
}

void enable_local_apic() {
    write_msr(msr_base, read_msr(msr_base) | x2apic_mode);
    write_msr(msr_spurious, 0x1ff);
}

extern "C" [[noreturn]] void smp_main(std::uint32_t vcpu);
void smp_main(std::uint32_t vcpu) {
    load_traps();
    enable_local_apic();
    states[vcpu].job = Job::wait;
    count(states[vcpu].starts);
    for (;;) {
        if (const Job job = states[vcpu].job; job != Job::wait) {
            work(vcpu, job);
        } else {
            wait_for_interrupt(); // a job comes with an interrupt
        }
    }
}

} // namespace bulkhead::guest::smp
