// SPDX-License-Identifier: Apache-2.0
// The instructions with which guests touch device registers. The exit tells the address, so that of the operands only
// the register, the widths and the instruction's length matter. It must not know: what the access does.
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
    bool operand_size{false}, address_size{false}, lock{false};
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
        case 0xf0:
            p.lock = true;
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

/// How an opcode is to be read. `operand`: the bit that makes it "full size" is set, or its size is given.
struct Form {
    enum class Kind : std::uint8_t { none, absolute, register_first, memory_first, immediate, group, extension };
    Kind kind{Kind::none};
    AluOp op{AluOp::move};
    std::uint8_t memory_bytes{0}; ///< 0: by the opcode's lowest bit
    bool short_immediate{false};  ///< one byte, sign-extended
    bool sign_extended{false};
};

Form form_of_one_byte(std::uint8_t opcode, bool long_code) {
    using Kind = Form::Kind;
    const Kind direction = (opcode & 2) != 0 ? Kind::register_first : Kind::memory_first;
    if (opcode < 0x40 && (opcode & 7) < 4) {
        return {direction, static_cast<AluOp>(opcode >> 3)};
    }
    switch (opcode) {
    case 0x63: // MOVSXD
        return long_code ? Form{Kind::extension, AluOp::move, 4, false, true} : Form{};
    case 0x80:
    case 0x81:
        return {Kind::group};
    case 0x83:
        return {Kind::group, AluOp::move, 0, true};
    case 0x84:
    case 0x85:
        return {Kind::memory_first, AluOp::test};
    case 0x86:
    case 0x87:
        return {Kind::memory_first, AluOp::exchange};
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b:
        return {direction};
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
        return {Kind::absolute};
    case 0xc6:
    case 0xc7:
        return {Kind::immediate};
    case 0xf6:
    case 0xf7:
        return {Kind::immediate, AluOp::test};
    default:
        return {};
    }
}

Form form_of_two_bytes(std::uint8_t opcode) {
    const bool is_signed = opcode >= 0xbe;
    switch (opcode) {
    case 0xb6: // MOVZX
    case 0xb7:
    case 0xbe: // MOVSX
    case 0xbf:
        return {Form::Kind::extension, AluOp::move, static_cast<std::uint8_t>((opcode & 1) != 0 ? 2 : 1), false,
                is_signed};
    default:
        return {};
    }
}

std::uint64_t read_immediate(Bytes& code, const Form& form, std::uint32_t operand) {
    const std::uint32_t bytes = form.short_immediate ? 1 : operand == 8 ? 4 : operand;
    const std::uint64_t value = code.number(bytes);
    const std::uint32_t unused = 64 - 8 * bytes;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

/// LOCK is for instructions that read and write memory; the CPU refuses it elsewhere.
bool may_lock(const MemoryMove& move) {
    return move.store && move.op != AluOp::move && has_result(move.op);
}

bool decode_opcode(Bytes& code, const Prefixes& p, const Sizes& size, bool long_code, MemoryMove& move) {
    using Kind = Form::Kind;
    const bool two_byte = p.opcode == 0x0f;
    const std::uint8_t opcode = two_byte ? code.next() : p.opcode;
    const Form form = two_byte ? form_of_two_bytes(opcode) : form_of_one_byte(opcode, long_code);
    if (form.kind == Kind::none) {
        return false;
    }
    const std::uint32_t by_bit = (opcode & 1) != 0 ? size.operand : 1;
    move.op = form.op;
    move.bytes = static_cast<std::uint8_t>(form.memory_bytes != 0 ? form.memory_bytes : by_bit);
    move.target_bytes = static_cast<std::uint8_t>(form.kind == Kind::extension ? size.operand : by_bit);
    move.sign_extended = form.sign_extended;
    if (form.kind == Kind::absolute) { // rAX and an absolute address
        (void)code.number(size.address);
        move.store = opcode >= 0xa2;
        return !p.lock;
    }
    const std::uint8_t modrm = skip_address(code, size.address);
    if ((modrm >> 6) == 3) {
        return false;
    }
    const auto digit = static_cast<std::uint8_t>((modrm >> 3) & 7);
    if (form.kind == Kind::immediate || form.kind == Kind::group) {
        move.value = read_immediate(code, form, by_bit);
        move.store = move.immediate = true;
        if (form.kind == Kind::group) {
            move.op = static_cast<AluOp>(digit);
        } else if (digit != 0) {
            return false;
        }
    } else {
        const auto number = static_cast<std::uint8_t>(digit | ((p.rex & 4) != 0 ? 8 : 0));
        move.store = form.kind == Kind::memory_first;
        set_register(move, number, p.rex != 0, move.target_bytes);
    }
    return !p.lock || may_lock(move);
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
    if (!decode_opcode(bytes, p, size, long_code, move) || bytes.bad()) {
        return false;
    }
    move.length = bytes.taken();
    return true;
}

} // namespace bulkhead::vcpu
