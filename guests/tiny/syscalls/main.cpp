// SPDX-License-Identifier: Apache-2.0
// A guest with a ring 3 that calls its kernel by every instruction that its width has for that, again and again, with
// exits on both sides and a pause long enough for its neighbour to run on the same CPU. The MSRs that lead into the
// kernel are written once, and the neighbour, with the other role, has others. Command line: role=a or role=b,
// rounds=N, sysenter=taken (refused.cpp).
#include "cpu.hpp"
#include "guest.hpp"
#include "memory.hpp"
#include "random.hpp"
#include "syscalls.hpp"

using namespace bulkhead::guest;
using namespace bulkhead::guest::syscalls;

Registers asked, entered, answered, found;
std::uint32_t entered_by;
Word kernel_sp;
std::uint32_t spin_loops;

namespace bulkhead::guest::syscalls {
namespace {

constexpr std::uint32_t loops = 600'000;
constexpr std::uint32_t task_bytes = 104;

alignas(16) unsigned char user_stack[4096], trap_stack[8192];
alignas(16) std::uint32_t task_state[task_bytes / 4];

std::uint32_t role, calls, failures;
Expected expected;
const Way* way;
std::uint64_t gone_at, interrupted, shortest_loop;

/// Any exit into the monitor, and one into the kernel.
void exits() {
    (void)cpuid(0x4000'0000);
    if (hypercall(__HYPERVISOR_xen_version, XENVER_version) <= 0) {
        ++failures;
    }
}

void complain(const char* what, std::size_t index, Word is, Word should_be) {
    ++failures;
    if (failures <= 10) {
        console_write(Line{} << "syscalls: FAIL: " << way->name << ", " << what << " register " << std::uint64_t{index}
                             << " is " << Hex{is} << ", should be " << Hex{should_be} << '\n');
    }
}

void compare(const char* what, const Registers& is, const Registers& should_be) {
    constexpr std::size_t of_32_bits = 11;
    const auto* a = reinterpret_cast<const Word*>(&is);
    const auto* b = reinterpret_cast<const Word*>(&should_be);
    for (std::size_t i = 0; i < (way->narrow ? of_32_bits : register_count); ++i) {
        const Word bits = way->narrow ? Word{0xffff'ffff} : ~Word{0};
        if (((a[i] ^ b[i]) & bits) != 0) {
            complain(what, i, a[i] & bits, b[i] & bits);
        }
    }
}

void fill(Registers& registers, Random& random) {
    auto* const word = reinterpret_cast<Word*>(&registers);
    for (std::size_t i = 0; i < register_count; ++i) {
        word[i] = static_cast<Word>(random.next());
    }
    registers.flags = user_flags;
}

void measure_loop() {
    shortest_loop = ~std::uint64_t{0};
    for (int i = 0; i < 16; ++i) { // the neighbour runs during a few of them at most
        const auto start = rdtsc();
        for (std::uint32_t left = loops / 64; left != 0; --left) {
            asm volatile("");
        }
        const auto ticks = rdtsc() - start;
        shortest_loop = ticks < shortest_loop ? ticks : shortest_loop;
    }
}

void call_once(Random& random) {
    fill(asked, random);
    fill(answered, random);
    expected = expect(*way, role, asked, answered);
    found = {};
    calls = 0;
    exits();
    gone_at = rdtsc();
    way->go(way->code, user_stack_top());
    exits();
    compare("in ring 3,", found, expected.found);
    if (calls != 2) {
        complain("calls, not", 2, calls, 2);
    }
}

} // namespace

void load_segments(std::span<std::uint64_t> table, std::size_t task_index) {
    constexpr std::uint64_t available_task = 0x89;
    const std::uint64_t base = address_of(task_state);
    task_state[1] = static_cast<std::uint32_t>(address_of(trap_stack) + sizeof trap_stack);
#ifndef __x86_64__
    task_state[2] = 0x10; // ss0
#endif
    task_state[task_bytes / 4 - 1] = task_bytes << 16; // no ports
    table[task_index] = (task_bytes - 1) | (base & 0xff'ffff) << 16 | available_task << 40 | (base >> 24 & 0xff) << 56;
    const struct [[gnu::packed]] {
        std::uint16_t limit;
        Word base;
    } pointer{static_cast<std::uint16_t>(table.size_bytes() - 1), address_of(table.data())};
    // Ring 3 keeps the data segments that it finds: those of role 0 are as good as the other's.
    constexpr std::uint32_t user_data = 0x23;
    asm volatile("lgdt %0\n\tltr %w1\n\tmovl %2, %%ds\n\tmovl %2, %%es"
                 :
                 : "m"(pointer), "r"(static_cast<std::uint32_t>(task_index * 8)), "r"(user_data)
                 : "memory");
}

Word user_stack_top() {
    return address_of(user_stack) + sizeof user_stack;
}

const Trapped& trapped() {
    return *reinterpret_cast<const Trapped*>(trap_stack + sizeof trap_stack - sizeof(Trapped));
}

} // namespace bulkhead::guest::syscalls

bool system_call() {
    if (way == nullptr) {
        return false; // by an instruction that is no way in
    }
    if (calls == 0) {
        if (rdtsc() - gone_at > shortest_loop * 64 / 2 * 3) {
            ++interrupted;
        }
        compare("in the kernel,", entered, expected.entered);
    }
    if (entered_by != way->first_entry + role) {
        complain("entry, not", entered_by, entered_by, way->first_entry + role);
    }
    exits();
    return ++calls < 2;
}

namespace bulkhead::guest {

void guest_main() {
    role = word_is("role", "b") ? 1 : 0;
    spin_loops = loops;
    const auto rounds = number_of("rounds", 8);
    measure_loop();
    set_up(role);
    Random random{role + 1};
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (const Way& one : ways) {
            way = &one;
            call_once(random);
        }
        way = nullptr;
        failures += try_what_is_refused(role);
    }
    for (const Way& one : ways) {
        console_write(Line{} << "syscalls: " << one.name << ", " << rounds << " rounds\n");
    }
    list_what_is_refused(rounds);
    // Without the neighbour in between nothing was shown.
    console_write(Line{} << "syscalls: the neighbour ran during " << interrupted << " calls\n"
                         << "syscalls: " << (failures == 0 && interrupted >= rounds ? "PASS" : "FAIL") << '\n');
}

} // namespace bulkhead::guest
