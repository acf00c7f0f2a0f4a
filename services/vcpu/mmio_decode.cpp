// SPDX-License-Identifier: Apache-2.0
// The few instructions with which guests touch device registers. The exit tells the address, so that of the operands
// only the register, the width and the instruction's length matter. It must not know: what the access does.
#include "mmio.hpp"

namespace bulkhead::vcpu {

namespace {

/// Takes bytes off an instruction; `bad` once there were too few.
class Bytes {
public:
    explicit Bytes(std::span<const std::uint8_t> code) : code_{code} {}

    std::uint8_t next() {
        if (at_ >= code_.size()) {
            bad_ = true;
            return 0;
        }
        return code_[at_++];
    }
    std::uint64_t number(std::uint32_t bytes) {
        std::uint64_t value = 0;
        for (std::uint32_t i = 0; i < bytes; ++i) {
            value |= std::uint64_t{next()} << (8 * i);
        }
        return value;
    }
    bool bad() const { return bad_; }
    std::uint32_t taken() const { return at_; }

private:
    std::span<const std::uint8_t> code_;
    std::uint32_t at_{0};
    bool bad_{false};
};

struct Prefixes {
    bool operand_size{false}, address_size{false};
    std::uint8_t rex{0};
    std::uint8_t opcode{0};
};

Prefixes read_prefixes(Bytes& code, bool long_code) {
    Prefixes p;
    for (;;) {
        const std::uint8_t b = code.next();
        switch (b) {
        case 0x66:
            p.operand_size = true;
            p.rex = 0;
            continue;
        case 0x67:
            p.address_size = true;
            p.rex = 0;
            continue;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
        case 0xf2:
        case 0xf3:
            p.rex = 0;
            continue;
        default:
            break;
        }
        if (long_code && (b & 0xf0) == 0x40) { // counts only right before the opcode
            p.rex = b;
            continue;
        }
        p.opcode = b;
        return p;
    }
}

/// Skips ModRM, SIB and displacement. Returns ModRM; mod 3 (no memory operand) is the caller's to refuse.
std::uint8_t skip_address(Bytes& code, std::uint32_t address_bytes) {
    const std::uint8_t modrm = code.next();
    const std::uint8_t mod = modrm >> 6;
    const std::uint8_t rm = modrm & 7;
    if (mod == 3) {
        return modrm;
    }
    if (address_bytes == 2) {
        (void)code.number(mod == 0 ? (rm == 6 ? 2 : 0) : mod);
        return modrm;
    }
    bool base_is_displacement = mod == 0 && rm == 5;
    if (rm == 4) {
        const std::uint8_t sib = code.next();
        base_is_displacement = mod == 0 && (sib & 7) == 5;
    }
    (void)code.number(base_is_displacement || mod == 2 ? 4 : mod == 1 ? 1 : 0);
    return modrm;
}

/// AH to BH are what 4 to 7 mean for bytes without REX.
void set_register(MemoryMove& move, std::uint8_t number, bool has_rex, std::uint32_t bytes) {
    move.high_byte = bytes == 1 && !has_rex && number >= 4 && number < 8;
    move.reg = move.high_byte ? number - 4 : number;
}

struct Sizes {
    std::uint32_t operand, address;
};

bool decode_opcode(Bytes& code, const Prefixes& p, const Sizes& size, MemoryMove& move) {
    std::uint8_t opcode = p.opcode;
    const bool two_byte = opcode == 0x0f;
    if (two_byte) {
        opcode = code.next();
        if (opcode != 0xb6 && opcode != 0xb7) {
            return false;
        }
    }
    const std::uint32_t wide = (opcode & 1) != 0 ? size.operand : 1;
    move.bytes = static_cast<std::uint8_t>(two_byte ? (opcode == 0xb6 ? 1 : 2) : wide);
    move.target_bytes = static_cast<std::uint8_t>(two_byte ? size.operand : wide);
    if (!two_byte && opcode >= 0xa0 && opcode <= 0xa3) { // rAX and an absolute address
        (void)code.number(size.address);
        move.store = opcode >= 0xa2;
        move.reg = 0;
        return true;
    }
    const bool immediate = !two_byte && (opcode == 0xc6 || opcode == 0xc7);
    if (!two_byte && !immediate && (opcode < 0x88 || opcode > 0x8b)) {
        return false;
    }
    const std::uint8_t modrm = skip_address(code, size.address);
    if ((modrm >> 6) == 3) {
        return false;
    }
    const std::uint8_t reg = ((modrm >> 3) & 7) | ((p.rex & 4) != 0 ? 8 : 0);
    if (immediate) {
        const std::uint32_t bytes = wide == 8 ? 4 : wide;
        move.value = code.number(bytes);
        if (wide == 8 && (move.value & 0x8000'0000) != 0) {
            move.value |= 0xffff'ffff'0000'0000;
        }
        move.store = move.immediate = true;
        return (reg & 7) == 0;
    }
    move.store = !two_byte && opcode <= 0x89;
    set_register(move, reg, p.rex != 0, move.target_bytes);
    return true;
}

} // namespace

bool decode_move(std::span<const std::uint8_t> code, bool long_code, bool default_32, MemoryMove& move) {
    Bytes bytes{code};
    move = {};
    const Prefixes p = read_prefixes(bytes, long_code);
    Sizes size{};
    if (long_code) {
        size.operand = (p.rex & 8) != 0 ? 8 : p.operand_size ? 2 : 4;
        size.address = p.address_size ? 4 : 8;
    } else {
        size.operand = default_32 != p.operand_size ? 4 : 2;
        size.address = default_32 != p.address_size ? 4 : 2;
    }
    if (!decode_opcode(bytes, p, size, move) || bytes.bad()) {
        return false;
    }
    move.length = bytes.taken();
    return true;
}

} // namespace bulkhead::vcpu
