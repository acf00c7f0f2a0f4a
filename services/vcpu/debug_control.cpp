// SPDX-License-Identifier: Apache-2.0
#include "debug_control.hpp"

#include "exceptions.hpp"
#include "mmio.hpp"

namespace bulkhead::vcpu {

namespace {

bool legacy_prefix(std::uint8_t byte) {
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

} // namespace

bool decode_debug_move(std::span<const std::uint8_t> code, bool long_code, DebugMove& move) {
    constexpr std::uint8_t opcode_read = 0x21;
    constexpr std::uint8_t opcode_write = 0x23;
    constexpr std::uint8_t rex_r = 4;
    constexpr std::uint8_t rex_b = 1;
    std::size_t at = 0;
    std::uint8_t rex = 0;
    while (at < code.size() && legacy_prefix(code[at])) {
        ++at;
    }
    if (long_code && at < code.size() && (code[at] & 0xf0) == 0x40) {
        rex = code[at++];
    }
    constexpr std::size_t opcode_bytes = 3;
    if (code.size() - at < opcode_bytes || code[at] != 0x0f ||
        (code[at + 1] != opcode_read && code[at + 1] != opcode_write)) {
        return false;
    }
    const std::uint8_t modrm = code[at + 2]; // its mod field means nothing here
    const std::uint8_t target = (modrm >> 3) & 7;
    move.write = code[at + 1] == opcode_write;
    move.reg = static_cast<std::uint8_t>((modrm & 7) | ((rex & rex_b) != 0 ? 8 : 0));
    move.length = static_cast<std::uint32_t>(at + opcode_bytes);
    return (rex & rex_r) == 0 && (target == 7 || target == 5);
}

void handle_debug_control(Domain& d, Vcpu& v) {
    VcpuState& s = *v.state;
    std::uint8_t code[longest_instruction]{};
    const std::uint32_t bytes = fetch_instruction(d, v, code);
    DebugMove move{};
    if (!decode_debug_move(std::span<const std::uint8_t>{code, bytes}, in_64bit_code(s), move)) {
        inject_undefined_opcode(v);
        return;
    }
    std::uint64_t& reg = s.gpr[move.reg];
    if (!move.write) {
        reg = v.debug_control;
    } else {
        const std::uint64_t value = in_64bit_code(s) ? reg : reg & 0xffff'ffff;
        if ((value >> 32) != 0) {
            inject_general_protection(v);
            return;
        }
        constexpr std::uint64_t fixed_one = 1u << 10;
        constexpr std::uint64_t fixed_zero = (1u << 11) | (1u << 12) | (1u << 14) | (1u << 15);
        v.debug_control = (value & ~fixed_zero) | fixed_one;
    }
    finish_instruction(v, move.length);
}

} // namespace bulkhead::vcpu
