// SPDX-License-Identifier: Apache-2.0
// Accesses to guest-physical addresses with no memory behind them: the local APIC's registers, and nothing else.
// It must not know: how the exit was taken.
#pragma once

#include <span>

#include "domain.hpp"

namespace bulkhead::vcpu {

/// A MOV between a register and memory, as far as its emulation needs to know it: the address comes with the exit.
struct MemoryMove {
    std::uint32_t length;
    bool store;
    std::uint8_t bytes;        ///< of the memory operand: 1, 2, 4, 8
    std::uint8_t target_bytes; ///< of the register that a load writes (MOVZX); else = bytes
    bool immediate;
    bool high_byte;   ///< AH, CH, DH, BH
    std::uint8_t reg; ///< number of the register, if not immediate
    std::uint64_t value;
};

/// Decodes 88, 89, 8A, 8B, C6 /0, C7 /0, A0 to A3 and 0F B6, B7 (APM 3, MOV and MOVZX). False: anything else, or cut
/// off.
[[nodiscard]] bool decode_move(std::span<const std::uint8_t> code, bool long_code, bool default_32, MemoryMove& move);

inline constexpr std::uint32_t longest_instruction = 15;
/// The bytes at rip: those of its page, and of the next one if that can be fetched. How many.
std::uint32_t fetch_instruction(Domain& d, Vcpu& v, std::uint8_t (&code)[longest_instruction]);

/// ExitReason::stage2_fault.
void handle_stage2_fault(Domain& d, Vcpu& v);

} // namespace bulkhead::vcpu
