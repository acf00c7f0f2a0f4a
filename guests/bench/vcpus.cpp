// SPDX-License-Identifier: Apache-2.0
// Starting vCPUs by VCPUOP_initialise in each mode (public/hvm/hvm_vcpu.h), and interrupts between two of them.
#include "bench.hpp"

#include <xen/hvm/hvm_vcpu.h>

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

constexpr std::uint32_t low_page = 0x60; ///< free memory below 1 MiB
constexpr std::uint32_t starts_per_mode = 4;
constexpr std::uint16_t flat_code = 0xc9b, flat_data = 0xc93, busy_tss = 0x8b, code16 = 0x9b, data16 = 0x93;
constexpr std::uint32_t pe_et = 0x11;

/// What the vCPU will leave, and where.
struct Start {
    vcpu_hvm_context context;
    volatile std::uint64_t* stamp;
};

void set_segments(vcpu_hvm_x86_32& r, std::uint32_t base, std::uint32_t limit, std::uint16_t code, std::uint16_t data) {
    r.cs_base = r.ds_base = r.ss_base = r.es_base = base;
    r.cs_limit = r.ds_limit = r.ss_limit = r.es_limit = limit;
    r.cs_ar = code;
    r.ds_ar = r.ss_ar = r.es_ar = data;
    r.tr_limit = 0xffff;
    r.tr_ar = busy_tss;
}

Start in_16_bit_mode() {
    auto* to = at_physical<volatile unsigned char>(std::uint64_t{low_page} << 12);
    for (const unsigned char* from = bench_start16; from != bench_start16_end; ++from) {
        to[from - bench_start16] = *from;
    }
    Start start{{},
                at_physical<volatile std::uint64_t>((std::uint64_t{low_page} << 12) +
                                                    static_cast<std::uint64_t>(bench_start16_stamp - bench_start16))};
    start.context.mode = VCPU_HVM_MODE_32B;
    auto& r = start.context.cpu_regs.x86_32;
    r.cr0 = 0x10;
    set_segments(r, low_page << 12, 0xffff, code16, data16);
    return start;
}

Start in_32_bit_mode(const void* code) {
    Start start{{}, &bench_started};
    start.context.mode = VCPU_HVM_MODE_32B;
    auto& r = start.context.cpu_regs.x86_32;
    r.eip = static_cast<std::uint32_t>(address_of(code));
    r.cr0 = pe_et;
    set_segments(r, 0, 0xffff'ffff, flat_code, flat_data);
    return start;
}

#ifdef __x86_64__
vcpu_hvm_context context_64(const void* code) {
    vcpu_hvm_context context{};
    context.mode = VCPU_HVM_MODE_64B;
    auto& r = context.cpu_regs.x86_64;
    r.rip = address_of(code);
    r.cr0 = 0x8000'0033;
    r.cr3 = address_of(page_table_l4);
    r.cr4 = 0x620;
    r.efer = 0x500;
    return context;
}

Start in_64_bit_mode() {
    return {context_64(bench_start64), &bench_started};
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
    samples.report(row);
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

Start at_answer() {
    void (*const code)() = answer;
    const Word stack = address_of(other_stack) + sizeof other_stack - sizeof(Word); // as behind a call
#ifdef __x86_64__
    Start start = {context_64(reinterpret_cast<const void*>(code)), nullptr};
    start.context.cpu_regs.x86_64.rsp = stack;
#else
    Start start = in_32_bit_mode(reinterpret_cast<const void*>(code));
    start.context.cpu_regs.x86_32.esp = stack - 4;
#endif
    return start;
}

void measure_interrupts(const char* row) {
    const std::uint32_t vcpu = next_vcpu++;
    port_of_first = bind_ipi(0);
    port_of_other = bind_ipi(vcpu);
    mask(port_of_first);
    mask(port_of_other);
    Start start = at_answer();
    expect_ok(vcpu_op(VCPUOP_initialise, vcpu, &start.context), "VCPUOP_initialise");
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
        measure_starts("start_32", [] { return in_32_bit_mode(bench_start32); });
#ifdef __x86_64__
        measure_starts("start_64", in_64_bit_mode);
#endif
    }
    measure_interrupts(has_word("two-cpus") ? "vcpu_ipi_2_cpus" : "vcpu_ipi");
}

} // namespace bulkhead::guest::bench
