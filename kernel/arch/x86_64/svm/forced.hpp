// SPDX-License-Identifier: Apache-2.0
// What every guest exits for, each with the reason. Nobody can take one away; only the interrupt window (VINTR) comes
// and goes (inject.hpp). Not here, and why: RDTSC and RDTSCP (the offset is enough; some emulators confuse the two),
// control registers and XSETBV (their state is the guest's own: VMCB, registers.hpp), INVLPG, IRET, PUSHF, POPF, INTn,
// PAUSE (ASIDs and nested paging make them harmless), SMI (the firmware's, and locked on many machines).
#pragma once

#include "exit_codes.hpp"

#include <cstdint>

namespace bulkhead::kernel::svm {

struct Forced {
    ExitCode code;
    const char* why;
};

inline constexpr Forced forced[] = {
    {ExitCode::interrupt, "interrupts are the host's"},
    {ExitCode::nmi, "NMIs are the host's"},
    {ExitCode::init, "INIT would reset the host's CPU"},
    {ExitCode::rdpmc, "counters would show the host and other guests"},
    {ExitCode::cpuid, "the monitor says what the guest sees"},
    {ExitCode::rsm, "the guest has no system management mode"},
    {ExitCode::invd, "it would drop other guests' dirty cache lines"},
    {ExitCode::wbinvd, "it would stall the whole machine; memory of guests is coherent"},
    {ExitCode::hlt, "an idle guest gives its CPU back"},
    {ExitCode::invlpga, "it takes any ASID"},
    {ExitCode::io, "every port: the guest owns no device"},
    {ExitCode::msr, "every MSR but those of permission.hpp"},
    {ExitCode::task_switch, "not restartable with nested paging; no PVH guest has one"},
    {ExitCode::ferr_freeze, "legacy FPU errors would be signalled to the host"},
    {ExitCode::shutdown, "a triple fault would reset the machine"},
    {ExitCode::vmrun, "mandatory; and no nested virtualization"},
    {ExitCode::vmmcall, "hypercalls"},
    {ExitCode::vmload, "it takes a host-physical address"},
    {ExitCode::vmsave, "it takes a host-physical address"},
    {ExitCode::stgi, "the global interrupt flag is the host's"},
    {ExitCode::clgi, "the global interrupt flag is the host's"},
    {ExitCode::skinit, "it would take the machine over"},
    {ExitCode::monitor, "the host hides it; waiting in the guest would hold the CPU"},
    {ExitCode::mwait, "the same"},
    {ExitCode::mwait_armed, "the same"},
    {ExitCode::rdpru, "it reads the host's APERF and MPERF"},
    {ExitCode::invlpgb, "it would reach all CPUs"},
    {ExitCode::invlpgb_illegal, "the same"},
    {ExitCode::tlbsync, "it waits for all CPUs"},
};

/// Exceptions that exit.
struct ForcedException {
    std::uint8_t vector;
    const char* why;
};
inline constexpr ForcedException forced_exceptions[] = {
    {1, "#DB: a handler that faults with #DB loops in microcode, without ever taking a host interrupt"},
    {17, "#AC: the same"},
    {18, "#MC: the machine's, not the guest's"},
};

/// MOV to and from DR7 and DR5, its old name, where the processor has no decode assists. All that can run this kernel
/// have them; QEMU (7.2, 10.0) has not, and leaves breakpoints armed after #VMEXIT: they would strike the host, whose
/// code lies at known addresses, and other guests. With DR7's enable bits never set in the VMCB nothing gets armed
/// (validate.hpp).
inline constexpr std::uint32_t debug_control_intercepts = (1u << 7) | (1u << 5) | (1u << (16 + 7)) | (1u << (16 + 5));

/// Intercept words from the table.
struct InterceptWords {
    std::uint32_t exceptions{0}, misc1{0}, misc2{0}, misc3{0};
};
constexpr InterceptWords forced_words() {
    InterceptWords words;
    for (const Forced& f : forced) {
        const auto code = static_cast<std::uint64_t>(f.code);
        std::uint32_t& word = code < 0x80 ? words.misc1 : code < 0xa0 ? words.misc2 : words.misc3;
        word |= std::uint32_t{1} << (code % 32);
    }
    for (const ForcedException& e : forced_exceptions) {
        words.exceptions |= std::uint32_t{1} << e.vector;
    }
    return words;
}
inline constexpr std::uint32_t window_intercept = 1u << (static_cast<unsigned>(ExitCode::virtual_interrupt) % 32);

} // namespace bulkhead::kernel::svm
