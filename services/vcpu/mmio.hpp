// SPDX-License-Identifier: Apache-2.0
// Accesses to guest-physical addresses with no memory behind them: the local APIC's registers, and nothing else.
// It must not know: how the exit was taken.
#pragma once

#include <span>

#include "alu.hpp"
#include "domain.hpp"

namespace bulkhead::vcpu {

/// An instruction with a memory operand, as far as its emulation needs to know it: the address comes with the exit.
struct MemoryMove {
    std::uint32_t length;
    AluOp op;                  ///< of the first operand with the second; move for MOV
    bool store;                ///< memory is the first operand; else the register is
    std::uint8_t bytes;        ///< of the memory operand: 1, 2, 4, 8
    std::uint8_t target_bytes; ///< of the register that a load writes (MOVZX, MOVSX); else = bytes
    bool sign_extended;
    bool immediate;   ///< the second operand, instead of a register
    bool high_byte;   ///< AH, CH, DH, BH
    std::uint8_t reg; ///< number of the register, if not immediate
    std::uint64_t value;
};

/// Decodes what compilers emit for device registers: MOV in all forms, MOVZX, MOVSX, MOVSXD, XCHG, TEST, and ADD, OR,
/// ADC, SBB, AND, SUB, XOR, CMP between memory and a register or an immediate (APM 3). False: anything else, or cut
/// off.
[[nodiscard]] bool decode_move(std::span<const std::uint8_t> code, bool long_code, bool default_32, MemoryMove& move);

inline constexpr std::uint32_t longest_instruction = 15;
/// The bytes at rip: those of its page, and of the next one if that can be fetched. How many.
std::uint32_t fetch_instruction(Domain& d, Vcpu& v, std::uint8_t (&code)[longest_instruction]);

/// ExitReason::stage2_fault.
void handle_stage2_fault(Domain& d, Vcpu& v);

} // namespace bulkhead::vcpu
