// SPDX-License-Identifier: Apache-2.0
// Event channels, timer and clock.
#include "events.hpp"

#include "cpu.hpp"
#include "guest.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint8_t callback_vector = 0xf3;
constexpr std::uint32_t max_ports = 128;
constexpr std::uint32_t word_bits = 8 * sizeof(xen_ulong_t);

alignas(4096) unsigned char shared_info_page[4096];
Word counts[max_ports];
Word seen[max_ports];
std::uint32_t timer;
bool ready;

[[noreturn]] void fail(const char* what, std::int64_t result) {
    debug_port_write(Line{} << what << " failed: -" << number(-result) << '\n');
    shut_down(ShutdownReason::crash);
}

void take_events() {
    auto& info = shared().vcpu_info[0];
    __atomic_store_n(&info.evtchn_upcall_pending, std::uint8_t{0}, __ATOMIC_SEQ_CST);
    auto words = __atomic_exchange_n(&info.evtchn_pending_sel, xen_ulong_t{0}, __ATOMIC_SEQ_CST);
    while (words != 0) {
        const auto word = static_cast<std::uint32_t>(__builtin_ctzl(words));
        words &= words - 1;
        auto pending = shared().evtchn_pending[word] & ~shared().evtchn_mask[word];
        while (pending != 0) {
            const auto bit = static_cast<std::uint32_t>(__builtin_ctzl(pending));
            pending &= pending - 1;
            __atomic_fetch_and(&shared().evtchn_pending[word], ~(xen_ulong_t{1} << bit), __ATOMIC_SEQ_CST);
            const auto port = word * word_bits + bit;
            count_event(port);
        }
    }
}

void (*taker)() = take_events;

void upcall() {
    taker();
}

void upcall_by_apic() {
    constexpr std::uint32_t end_of_interrupt = 0x80b;
    write_msr(end_of_interrupt, 0); // an event that comes from here on is another edge
    taker();
}

void map_shared_info() {
    xen_add_to_physmap argument{};
    argument.domid = DOMID_SELF;
    argument.space = XENMAPSPACE_shared_info;
    argument.gpfn = static_cast<xen_pfn_t>(frame_of(shared_info_page));
    const auto result = hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, argument);
    if (result != 0) {
        fail("add_to_physmap", result);
    }
}

} // namespace

shared_info& shared() {
    return *reinterpret_cast<shared_info*>(shared_info_page);
}

void set_up_events() {
    if (ready) {
        return;
    }
    ready = true;
    map_shared_info();
    set_interrupt_handler(callback_vector, upcall);

    xen_hvm_param parameter{};
    parameter.domid = DOMID_SELF;
    parameter.index = HVM_PARAM_CALLBACK_IRQ;
    parameter.value = (std::uint64_t{HVM_PARAM_CALLBACK_TYPE_VECTOR} << 56) | callback_vector;
    if (const auto r = hypercall(__HYPERVISOR_hvm_op, HVMOP_set_param, parameter); r != 0) {
        fail("set_param CALLBACK_IRQ", r);
    }
    evtchn_bind_virq bind{};
    bind.virq = VIRQ_TIMER;
    if (const auto r = hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, bind); r != 0) {
        fail("bind_virq TIMER", r);
    }
    timer = bind.port;
}

void take_events_by(void (*function)()) {
    taker = function;
}

std::int64_t use_upcall_vector(std::uint8_t vector) {
    constexpr std::uint32_t apic_base = 0x1b, spurious_vector = 0x80f;
    constexpr std::uint64_t x2apic = 0xc00, enabled = 0x1ff;
    write_msr(apic_base, read_msr(apic_base) | x2apic);
    write_msr(spurious_vector, enabled);
    set_interrupt_handler(vector, upcall_by_apic);
    xen_hvm_evtchn_upcall_vector argument{0, vector};
    return hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, argument);
}

void count_event(std::uint32_t port) {
    if (port < max_ports) {
        ++counts[port];
    }
}

std::uint64_t event_count(std::uint32_t port) {
    return port < max_ports ? __atomic_load_n(&counts[port], __ATOMIC_RELAXED) : Word{0};
}

void wait_for_event(std::uint32_t port) {
    set_up_events();
    while (event_count(port) == seen[port % max_ports]) {
        wait_for_interrupt();
    }
    seen[port % max_ports] = static_cast<Word>(event_count(port));
}

std::uint64_t system_time() {
    set_up_events();
    const auto& time = shared().vcpu_info[0].time;
    for (;;) {
        const auto version = __atomic_load_n(&time.version, __ATOMIC_ACQUIRE);
        auto delta = rdtsc() - time.tsc_timestamp;
        delta = time.tsc_shift >= 0 ? delta << time.tsc_shift : delta >> -time.tsc_shift;
        const auto mul = std::uint64_t{time.tsc_to_system_mul};
        const auto scaled = (delta >> 32) * mul + (((delta & 0xffff'ffff) * mul) >> 32); // (delta * mul) >> 32
        const auto now = time.system_time + scaled;
        if ((version & 1) == 0 && version == __atomic_load_n(&time.version, __ATOMIC_ACQUIRE)) {
            return now;
        }
    }
}

std::uint64_t wall_clock_seconds() {
    set_up_events();
    return shared().wc_sec | (std::uint64_t{shared().xen_wc_sec_hi} << 32);
}

std::int64_t set_timer(std::uint64_t at) {
    vcpu_set_singleshot_timer argument{at, 0};
    return vcpu_op(VCPUOP_set_singleshot_timer, 0, &argument);
}

std::uint32_t timer_port() {
    return timer;
}

} // namespace bulkhead::guest
