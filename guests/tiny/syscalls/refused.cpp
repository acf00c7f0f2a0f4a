// SPDX-License-Identifier: Apache-2.0
// SYSENTER in long mode: AMD's CPUs do not know it there, neither in 64-bit nor in compatibility mode (APM 3, SYSENTER:
// #UD), though its MSRs say where to go. QEMU 7.2 knows it in compatibility mode, as Intel's CPUs do: with
// `sysenter=taken` on the command line it must come in there, and exactly as this guest's own MSRs say.
#include "guest.hpp"
#include "text.hpp"
#include "traps.hpp"
#include "x86_64.hpp"

extern "C" {
extern const char ring3_64_sysenter[], sysenter_in_64[], ring3_32_sysenter[], sysenter_in_32[];
void go_64(const void* code, bulkhead::guest::Word sp);
void go_32(const void* code, bulkhead::guest::Word sp);
}

namespace bulkhead::guest::syscalls {
namespace {

constexpr std::uint8_t invalid_opcode = 6;
constexpr std::uint32_t nothing = ~0u;

constexpr struct Refused {
    const char* name;
    const void* code; ///< in ring 3
    const void* instruction;
    void (*go)(const void* code, Word sp);
    bool narrow;
} list[] = {{"SYSENTER", ring3_64_sysenter, sysenter_in_64, go_64, false},
            {"SYSENTER in compatibility mode", ring3_32_sysenter, sysenter_in_32, go_32, true}};

bool raised;
Trapped seen;

void on_invalid_opcode() {
    raised = true;
    seen = trapped();
    leave_ring_3();
}

bool is_taken(const Refused& one) {
    return one.narrow && word_is("sysenter", "taken");
}

bool came_in(std::uint32_t role) {
    return !raised && entered_by == sysenter_entry + role && entered.sp == sysenter_stack(role);
}
bool was_refused(const Refused& one, std::uint32_t role) {
    return raised && entered_by == nothing && seen.ip == address_of(one.instruction) &&
           seen.cs == user_code(role, one.narrow) && seen.sp == user_stack_top();
}

} // namespace

std::uint32_t try_what_is_refused(std::uint32_t role) {
    set_interrupt_handler(invalid_opcode, on_invalid_opcode);
    std::uint32_t wrong = 0;
    for (const Refused& one : list) {
        raised = false;
        seen = {};
        entered_by = nothing;
        one.go(one.code, user_stack_top());
        if (!(is_taken(one) ? came_in(role) : was_refused(one, role))) {
            ++wrong;
            console_write(Line{} << "syscalls: FAIL: " << one.name
                                 << (raised ? " raised #UD at " : " came in, trap at ") << Hex{seen.ip} << ", entry "
                                 << std::uint64_t{entered_by} << '\n');
        }
    }
    set_interrupt_handler(invalid_opcode, nullptr);
    return wrong;
}

void list_what_is_refused(std::uint64_t rounds) {
    for (const Refused& one : list) {
        console_write(Line{} << "syscalls: " << one.name << (is_taken(one) ? " is taken, " : " is #UD, ") << rounds
                             << " rounds\n");
    }
}

} // namespace bulkhead::guest::syscalls
