// SPDX-License-Identifier: Apache-2.0
// From the processor's exit codes to what the kernel does and what the monitor reads. Pure.
#pragma once

#include "exit_codes.hpp"

#include <bulkhead/abi/vcpu.hpp>

#include <cstdint>

namespace bulkhead::kernel::svm {

struct ExitRecord {
    std::uint64_t code, info_1, info_2;
    std::uint64_t rip;
    std::uint64_t next_rip; ///< 0: the processor does not tell
    bool delivering;        ///< the exit cut off the delivery of an event
};

enum class Handling : std::uint8_t {
    host, ///< nothing to do: the guest goes on
    monitor,
    skip,     ///< the guest goes on behind the instruction, which did nothing
    reinject, ///< the exception goes to the guest
    machine_check
};

struct ExitPlan {
    Handling handling{Handling::monitor};
    ExitReason reason{ExitReason::none};
    std::uint32_t length{0};
    std::uint64_t qualification{0};
    std::uint64_t address{0};
};

/// From one instruction to the next; 0: that cannot be.
constexpr std::uint32_t distance(std::uint64_t rip, std::uint64_t next) {
    return next - rip <= 15 ? static_cast<std::uint32_t>(next - rip) : 0;
}
/// The processor's word for the length, or `known`: that of the instruction without prefixes (0: has no fixed one). A
/// guest that prefixes such an instruction on a processor that tells nothing resumes inside it: its own harm.
constexpr std::uint32_t length_of(const ExitRecord& exit, std::uint32_t known) {
    const std::uint32_t told = exit.next_rip == 0 ? 0 : distance(exit.rip, exit.next_rip);
    return told != 0 ? told : known;
}

/// EXITINFO1 of IOIO, APM 2, 15.10.2.
constexpr IoExit io_exit(std::uint64_t info) {
    const auto width = static_cast<std::uint8_t>((info >> 4) & 7); // SZ8, SZ16, SZ32: one bit each, worth its width
    return {static_cast<std::uint16_t>(info >> 16), width, (info & 1) != 0, (info & 4) != 0, (info & 8) != 0};
}

/// EXITINFO1 of a nested page fault, APM 2, 15.25.6.
constexpr std::uint64_t stage2_qualification(std::uint64_t info) {
    std::uint64_t q = 0;
    q |= (info & 1) != 0 ? stage2_fault::present : 0;
    q |= (info & 2) != 0 ? stage2_fault::write : 0;
    q |= (info & 16) != 0 ? stage2_fault::execute : 0;
    q |= ((info >> 33) & 1) != 0 ? stage2_fault::table_walk : 0;
    return q;
}

constexpr ExitPlan plan_exception(const ExitRecord& exit) {
    const std::uint64_t vector = exit.code - static_cast<std::uint64_t>(ExitCode::exception);
    constexpr std::uint64_t machine_check = 18;
    constexpr std::uint64_t alignment_check = 17;
    if (vector == machine_check) {
        return {.handling = Handling::machine_check};
    }
    const std::uint64_t error = vector == alignment_check ? exit.info_1 : 0;
    // While another event is being delivered the two must be combined: the monitor's business.
    return {.handling = exit.delivering ? Handling::monitor : Handling::reinject,
            .reason = ExitReason::exception,
            .qualification = vector | (error << 32)};
}

/// Those that no single code stands for.
constexpr ExitPlan plan_other(const ExitRecord& exit) {
    if ((exit.code & 0xffff'ffff) == static_cast<std::uint64_t>(ExitCode::invalid)) {
        return {.reason = ExitReason::invalid_state};
    }
    if (exit.code >= static_cast<std::uint64_t>(ExitCode::exception) &&
        exit.code < static_cast<std::uint64_t>(ExitCode::interrupt)) {
        return plan_exception(exit);
    }
    return {.reason = ExitReason::privileged, .length = length_of(exit, 0)};
}

constexpr ExitPlan plan_exit(const ExitRecord& exit) {
    switch (static_cast<ExitCode>(exit.code)) {
    case ExitCode::dr5_read:
    case ExitCode::dr7_read:
    case ExitCode::dr5_write:
    case ExitCode::dr7_write:
        return {.reason = ExitReason::debug_control, .length = length_of(exit, 0)};
    case ExitCode::interrupt:
    case ExitCode::nmi:
    case ExitCode::smi:
    case ExitCode::init:
    case ExitCode::virtual_interrupt:
        return {.handling = Handling::host};
    case ExitCode::invd:
    case ExitCode::wbinvd:
        return {.handling = Handling::skip, .length = length_of(exit, 2)};
    case ExitCode::cpuid:
        return {.reason = ExitReason::cpuid, .length = length_of(exit, 2)};
    case ExitCode::hlt:
    case ExitCode::idle_hlt:
        return {.reason = ExitReason::hlt, .length = length_of(exit, 1)};
    case ExitCode::vmmcall:
        return {.reason = ExitReason::hypercall, .length = length_of(exit, 3)};
    case ExitCode::msr:
        return {.reason = exit.info_1 == 0 ? ExitReason::rdmsr : ExitReason::wrmsr, .length = length_of(exit, 2)};
    case ExitCode::io:
        return {.reason = ExitReason::io,
                .length = distance(exit.rip, exit.info_2),
                .qualification = io_exit(exit.info_1).pack()};
    case ExitCode::nested_page_fault:
        return {.reason = ExitReason::stage2_fault,
                .qualification = stage2_qualification(exit.info_1),
                .address = exit.info_2};
    case ExitCode::shutdown:
        return {.reason = ExitReason::triple_fault};
    case ExitCode::ferr_freeze:
        return {.reason = ExitReason::exception, .qualification = 16}; // #MF is what it stands for
    default:
        return plan_other(exit);
    }
}

} // namespace bulkhead::kernel::svm
