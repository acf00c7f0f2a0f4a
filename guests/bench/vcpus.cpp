// SPDX-License-Identifier: Apache-2.0
// Starting vCPUs by VCPUOP_initialise in each mode (public/hvm/hvm_vcpu.h), and interrupts between two of them.
#include "bench.hpp"
#include "vcpu_context.hpp"

extern "C" {
extern const unsigned char bench_start16[], bench_start16_stamp[], bench_start16_end[];
extern const char bench_start32[];
extern volatile std::uint64_t bench_started;
#ifdef __x86_64__
extern const char bench_start64[];
extern std::uint64_t page_table_l4[512];
#endif
}

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint32_t starts_per_mode = 4;

/// What the vCPU will leave, and where.
struct Start {
    vcpu_hvm_context context;
    volatile std::uint64_t* stamp;
};

Start in_16_bit_mode() {
    put_at_startup_page(bench_start16, bench_start16_end);
    const auto offset = static_cast<std::uint64_t>(bench_start16_stamp - bench_start16);
    return {context_in_16_bit_code(),
            at_physical<volatile std::uint64_t>((std::uint64_t{startup_page} << 12) + offset)};
}
Start in_32_bit_mode() {
    return {context_in_32_bit_code(bench_start32), &bench_started};
}
#ifdef __x86_64__
Start in_64_bit_mode() {
    return {context_in_64_bit_code(bench_start64, page_table_l4), &bench_started};
}
#endif

std::uint32_t next_vcpu = 1;

void wait_for_start(const volatile std::uint64_t& stamp) {
    while (stamp == 0) { // the new vCPU may need this very CPU
        (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
    }
}

/// From the first of the two hypercalls to the vCPU's first instruction. Each vCPU can be initialised once.
template <typename F> void measure_starts(const char* row, F&& prepare) {
    Samples samples;
    for (std::uint32_t i = rounds_of(row, starts_per_mode) == 0 ? starts_per_mode : 0; i < starts_per_mode; ++i) {
        const std::uint32_t vcpu = next_vcpu++;
        Start start = prepare();
        *start.stamp = 0;
        const auto from = rdtsc();
        const auto initialised = vcpu_op(VCPUOP_initialise, vcpu, &start.context);
        const auto up = vcpu_op(VCPUOP_up, vcpu);
        expect_ok(initialised, "VCPUOP_initialise");
        expect_ok(up, "VCPUOP_up");
        wait_for_start(*start.stamp);
        samples.add(*start.stamp - from);
        while (vcpu_op(VCPUOP_is_up, vcpu) != 0) { // it takes itself down
            (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
        }
    }
    report(row, samples);
}

// --- interrupts: vCPU 0 and another one, each with a port that the other sends to

constexpr std::uint32_t rounds = 200;
std::uint32_t port_of_first, port_of_other;
volatile std::uint64_t arrival;
alignas(16) unsigned char other_stack[8192];

[[noreturn]] void answer() {
    for (;;) {
        poll(port_of_other);
        arrival = rdtsc();
        send(port_of_first);
    }
}

vcpu_hvm_context at_answer() {
    void (*const code)() = answer;
    const Word stack = address_of(other_stack) + sizeof other_stack - sizeof(Word); // as behind a call
#ifdef __x86_64__
    auto context = context_in_64_bit_code(reinterpret_cast<const void*>(code), page_table_l4);
    context.cpu_regs.x86_64.rsp = stack;
#else
    auto context = context_in_32_bit_code(reinterpret_cast<const void*>(code));
    context.cpu_regs.x86_32.esp = stack - 4;
#endif
    return context;
}

void measure_interrupts(const char* row) {
    const std::uint32_t vcpu = next_vcpu++;
    port_of_first = bind_ipi(0);
    port_of_other = bind_ipi(vcpu);
    mask(port_of_first);
    mask(port_of_other);
    auto context = at_answer();
    expect_ok(vcpu_op(VCPUOP_initialise, vcpu, &context), "VCPUOP_initialise");
    expect_ok(vcpu_op(VCPUOP_up, vcpu), "VCPUOP_up");
    sample(row, rounds, [] {
        const auto from = rdtsc();
        send(port_of_other);
        poll(port_of_first);
        return arrival - from;
    });
    expect_ok(vcpu_op(VCPUOP_down, vcpu), "VCPUOP_down");
}

} // namespace

void measure_vcpus() {
    set_up_events();
    if (!has_word("two-cpus")) {
        measure_starts("start_16", in_16_bit_mode);
        measure_starts("start_32", in_32_bit_mode);
#ifdef __x86_64__
        measure_starts("start_64", in_64_bit_mode);
#endif
    }
    measure_interrupts(has_word("two-cpus") ? "vcpu_ipi_2_cpus" : "vcpu_ipi");
}

} // namespace bulkhead::guest::bench
