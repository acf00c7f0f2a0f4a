// SPDX-License-Identifier: Apache-2.0
// Instructions that should not be: undefined, privileged for the hypervisor alone, random bytes, and a fault that
// nobody can handle.
#include "cpu.hpp"
#include "events.hpp"
#include "hostile.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

constexpr unsigned undefined = 1 + 6;
constexpr unsigned general_protection = 1 + 13;

alignas(4096) std::uint8_t garbage[4096];

/// Instructions that only a hypervisor may execute. Each must end in #UD or #GP, or do nothing.
unsigned hypervisor_instructions() {
    unsigned escaped = 0;
    const auto check = [&](unsigned outcome) {
        escaped += outcome != undefined && outcome != general_protection ? 1u : 0u;
    };
    check(attempt([] { asm volatile("vmrun" : : "a"(garbage) : "memory"); }));
    check(attempt([] { asm volatile("vmload" : : "a"(garbage) : "memory"); }));
    check(attempt([] { asm volatile("vmsave" : : "a"(garbage) : "memory"); }));
    check(attempt([] { asm volatile("clgi" : : : "memory"); }));
    check(attempt([] { asm volatile("stgi" : : : "memory"); }));
    check(attempt([] { asm volatile("skinit" : : "a"(0) : "memory"); }));
    check(attempt([] { asm volatile("monitor" : : "a"(garbage), "c"(0), "d"(0) : "memory"); }));
    check(attempt([] { asm volatile("mwait" : : "a"(0), "c"(0) : "memory"); }));
    return escaped;
}

void run_garbage(Random& random) {
    for (auto& byte : garbage) {
        byte = static_cast<std::uint8_t>(random.next() >> 32);
    }
    (void)attempt([] { reinterpret_cast<void (*)()>(reinterpret_cast<std::uint64_t>(garbage))(); });
}

} // namespace

Verdict execute_undefined(Random&) {
    const auto outcome = attempt([] { asm volatile("ud2"); });
    const auto escaped = hypervisor_instructions();
    return {outcome == undefined && escaped == 0,
            Line{} << "ud2 gives vector " << outcome - 1 << ", " << escaped << " hypervisor instructions escaped"};
}

Verdict execute_garbage(Random& random) {
    const auto rounds = number_of("rounds", 100);
    for (std::uint64_t i = 0; i < rounds; ++i) {
        run_garbage(random);
    }
    return {true, Line{} << rounds << " pages of random bytes executed"};
}

Verdict triple_fault(Random&) {
    struct [[gnu::packed]] {
        std::uint16_t limit;
        std::uint64_t base;
    } const none{0, 0};
    asm volatile("lidt %0; ud2" : : "m"(none));
    return {false, Line{} << "still here"};
}

} // namespace bulkhead::guest
