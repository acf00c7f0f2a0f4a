// SPDX-License-Identifier: Apache-2.0
// Guest-physical memory that the guest does not have, by data access, by execution and by page walk; and its own
// console ring, abused.
#include "cpu.hpp"
#include "hostile.hpp"
#include "paging.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

unsigned touch(std::uint64_t address) {
    auto* at = window(address);
    unsigned faults = 0;
    faults += attempt([&] { (void)*at; }) != 0 ? 1u : 0u;
    faults += attempt([&] { *at = 0x5a; }) != 0 ? 1u : 0u;
    faults += attempt([&] { *reinterpret_cast<volatile std::uint64_t*>(reinterpret_cast<std::uint64_t>(at)) = 0; }) != 0
                  ? 1u
                  : 0u;
    return faults;
}

} // namespace

Verdict attack_memory(Random& random) {
    const std::uint64_t places[] = {ram_end(),
                                    ram_end() + gib,
                                    0xfec0'0000,
                                    0xfed0'0000,
                                    0xfee0'0000,
                                    0xfee0'0300,
                                    0xffff'f000,
                                    4 * gib,
                                    64 * gib,
                                    512 * gib,
                                    1024 * gib - 4096,
                                    (std::uint64_t{1} << 45),
                                    (std::uint64_t{1} << 51)};
    std::uint64_t faults = 0;
    std::uint64_t touched = 0;
    for (const auto place : places) {
        faults += touch(place);
        ++touched;
    }
    for (unsigned i = 0; i < 200; ++i) {
        faults += touch(ram_end() + (random.next() % (1024 * gib)) / 8 * 8);
        ++touched;
    }
    const auto executed = attempt([] {
        const auto address = reinterpret_cast<std::uint64_t>(window(ram_end() + gib));
        reinterpret_cast<void (*)()>(address)();
    });
    return {true, Line{} << touched << " places touched, " << faults << " faults; executing there: " << executed};
}

Verdict lose_page_tables(Random& random) {
    const auto nowhere = (ram_end() + gib + (random.next() % gib)) & ~std::uint64_t{0xfff};
    asm volatile("movq %0, %%cr3; movq (%%rsp), %%rax" : : "r"(nowhere) : "rax", "memory");
    return {false, Line{} << "still here"};
}

Verdict attack_console_ring(Random& random) {
    auto* ring = reinterpret_cast<volatile xencons_interface*>(console_place().gfn << 12);
    evtchn_send kick{console_place().port};
    constexpr std::uint32_t edges[] = {0, 1, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff, 2048, 2049, 1024, 1025};
    for (unsigned i = 0; i < 200; ++i) {
        ring->in_cons = i % 2 != 0 ? edges[random.below(9)] : static_cast<std::uint32_t>(random.next());
        ring->in_prod = i % 3 != 0 ? edges[random.below(9)] : static_cast<std::uint32_t>(random.next());
        ring->out_cons = i % 5 != 0 ? edges[random.below(9)] : static_cast<std::uint32_t>(random.next());
        ring->out_prod = i % 7 != 0 ? edges[random.below(9)] : static_cast<std::uint32_t>(random.next());
        (void)hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, kick);
        (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
    }
    // Back to sense: what is said next would be lost while the other side still makes up its mind about the indices. It
    // keeps its own count of what it has taken, which was never more than these indices said: some of these is ahead.
    ring->in_cons = ring->in_prod;
    bool agreed = false;
    for (unsigned i = 0; i < 10'000 && !agreed; ++i) {
        const std::uint32_t end = (i % 64) * 1024 + 1;
        ring->out_cons = ~end;
        ring->out_prod = end;
        (void)hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, kick);
        (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
        agreed = ring->out_cons == end;
    }
    return {agreed, Line{} << "200 impossible index pairs"};
}

} // namespace bulkhead::guest
