// SPDX-License-Identifier: Apache-2.0
// What one vCPU can measure by itself: exits, hypercalls, its timer, its own memory, events that it sends to itself.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint32_t times = 1000;
constexpr std::uint32_t pages_at_once = 512;

static_assert(pages_at_once <= page_count);
xen_pfn_t frames[pages_at_once];

void measure_exits() {
    measure("cpuid", times, [] { (void)cpuid(0); });
    measure("rdmsr", times, [] {
        constexpr std::uint32_t apic_base = 0x1b;
        (void)read_msr(apic_base);
    });
    measure("port_in", times, [] {
        constexpr std::uint16_t nobody = 0x2f8;
        (void)in8(nobody);
    });
    // The local APIC's version register, by its page. (Its ID would do as well.)
    constexpr std::uint64_t version = 0xfee0'0030;
    measure("apic_read", times, [] { (void)*at_physical<volatile std::uint32_t>(version); });
}

void measure_hypercalls() {
    expect(hypercall(__HYPERVISOR_xen_version, XENVER_version) > 0, "xen_version");
    measure("null_hypercall", times, [] { (void)hypercall(__HYPERVISOR_xen_version, XENVER_version); });
    constexpr Word nothing = 62;
    expect(hypercall(nothing) == -XEN_ENOSYS, "hypercall 62 is none");
    measure("unknown_hypercall", times, [] { (void)hypercall(nothing); });
    expect_ok(hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield), "yield");
    measure("yield", times, [] { (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield); });
}

void measure_timer() {
    constexpr std::uint64_t far = 1'000'000'000'000;
    measure("set_timer", times, [] { (void)set_timer(far); });
    expect_ok(vcpu_op(VCPUOP_stop_singleshot_timer, 0), "stop_singleshot_timer");

    // From the deadline to the end of the upcall, the reading of the clock included.
    constexpr std::uint64_t delay = 100'000;
    constexpr std::uint32_t wake_ups = 200;
    sample("timer_wake", wake_ups, [] {
        const auto deadline = system_time() + delay;
        expect_ok(set_timer(deadline), "set_singleshot_timer");
        wait_for_event(timer_port());
        return system_time() - deadline;
    });
}

std::int64_t memory_op(std::uint32_t operation, std::uint32_t count) {
    xen_memory_reservation argument{};
    argument.extent_start.p = frames;
    argument.nr_extents = count;
    argument.domid = DOMID_SELF;
    return hypercall(__HYPERVISOR_memory_op, operation, argument);
}

void measure_memory() {
    for (std::uint32_t i = 0; i < pages_at_once; ++i) {
        frames[i] = static_cast<xen_pfn_t>(frame_of(&pages[i]));
    }
    constexpr std::uint32_t few = 20;
    const auto give_and_take = [](std::uint32_t count) {
        const bool gone = memory_op(XENMEM_decrease_reservation, count) == count;
        const bool back = memory_op(XENMEM_populate_physmap, count) == count;
        expect(gone && back, "decrease_reservation and populate_physmap");
    };
    measure("populate_1", times / 5, [&] { give_and_take(1); });
    measure("populate_512", few, [&] { give_and_take(pages_at_once); });
}

void measure_events() {
    const std::uint32_t port = bind_ipi(0);
    mask(port);
    expect(!take_pending(port), "nothing is pending yet");
    measure("event_polled", times, [port] {
        send(port);
        expect(take_pending(port), "what was sent is pending");
    });
    measure_own_event("event_upcall", port);
}

} // namespace

void measure_alone() {
    set_up_events();
    measure_exits();
    measure_hypercalls();
    measure_timer();
    measure_memory();
    measure_events();
}

} // namespace bulkhead::guest::bench
