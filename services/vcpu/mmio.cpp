// SPDX-License-Identifier: Apache-2.0
// Accesses to guest-physical addresses with no memory behind them. As on a bus with nothing on it, loads give all ones
// and stores vanish; the local APIC's page, in xAPIC mode, has registers. It must not know: how the exit was taken.
#include "mmio.hpp"

#include "exceptions.hpp"
#include "ipi.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint16_t segment_default_32 = 1u << 10;

std::uint64_t mask(std::uint32_t bytes) {
    return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * bytes)) - 1;
}

bool is_lapic(const Vcpu& v, std::uint64_t address) {
    return v.lapic.mode() == Lapic::Mode::xapic && (address & ~(page_size - 1)) == Lapic::mmio_base;
}

std::uint64_t load(Vcpu& v, std::uint64_t address, std::uint32_t bytes) {
    if (is_lapic(v, address)) {
        return bytes == 4 ? v.lapic.read_mmio(static_cast<std::uint32_t>(address - Lapic::mmio_base)) : 0;
    }
    return mask(bytes);
}

void store(Domain& d, Vcpu& v, std::uint64_t address, std::uint64_t value, std::uint32_t bytes) {
    if (is_lapic(v, address) && bytes == 4) {
        v.lapic.write_mmio(static_cast<std::uint32_t>(address - Lapic::mmio_base), static_cast<std::uint32_t>(value));
        deliver_ipi(d, v);
    }
}

std::uint64_t sign_extend(std::uint64_t value, std::uint32_t bytes) {
    const std::uint32_t unused = 64 - 8 * bytes;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

std::uint64_t read_register(const Vcpu& v, const MemoryMove& move) {
    return v.state->gpr[move.reg] >> (move.high_byte ? 8 : 0);
}
/// A register of 4 bytes is widened with zeros, the smaller ones keep what they are not.
void write_register(Vcpu& v, const MemoryMove& move, std::uint64_t value) {
    std::uint64_t& reg = v.state->gpr[move.reg];
    const std::uint32_t shift = move.high_byte ? 8 : 0;
    const std::uint64_t target = move.target_bytes == 4 ? ~std::uint64_t{0} : mask(move.target_bytes) << shift;
    reg = (reg & ~target) | (((value & mask(move.target_bytes)) << shift) & target);
}

void perform(Domain& d, Vcpu& v, const MemoryMove& move, std::uint64_t address) {
    VcpuState& s = *v.state;
    const bool writes_only = move.op == AluOp::move && move.store;
    std::uint64_t memory = writes_only ? 0 : load(v, address, move.bytes) & mask(move.bytes);
    if (move.sign_extended) {
        memory = sign_extend(memory, move.bytes);
    }
    const std::uint64_t other = move.immediate ? move.value : read_register(v, move);
    const AluResult result = move.store ? compute(move.op, memory, other, move.target_bytes, s.rflags)
                                        : compute(move.op, other, memory, move.target_bytes, s.rflags);
    s.rflags = result.rflags;
    if (has_result(move.op) && move.store) {
        store(d, v, address, result.value & mask(move.bytes), move.bytes);
    } else if (has_result(move.op)) {
        write_register(v, move, result.value);
    }
    if (move.op == AluOp::exchange) {
        write_register(v, move, memory);
    }
    finish_instruction(v, move.length);
}

} // namespace

std::uint32_t fetch_instruction(Domain& d, Vcpu& v, std::uint8_t (&code)[longest_instruction]) {
    const VcpuState& s = *v.state;
    const std::uint64_t at = s.rip + (in_64bit_code(s) ? 0 : s.cs.base);
    GuestAccess access = d.access(v);
    if (access.fetch(at, code, longest_instruction)) {
        return longest_instruction;
    }
    const auto here = static_cast<std::uint32_t>(page_size - (at & (page_size - 1)));
    return here < longest_instruction && access.fetch(at, code, here) ? here : 0;
}

void handle_stage2_fault(Domain& d, Vcpu& v) {
    const VcpuState& s = *v.state;
    if ((s.qualification & stage2_fault::present) != 0) { // memory that may not be accessed so: a read-only grant, say
        inject_general_protection(v);
        return;
    }
    if ((s.qualification & stage2_fault::table_walk) != 0) {
        d.crash(v, "page table outside memory");
        return;
    }
    if ((s.qualification & stage2_fault::execute) != 0) {
        inject_undefined_opcode(v); // what an empty bus gives is no instruction
        return;
    }
    std::uint8_t code[longest_instruction]{};
    const std::uint32_t bytes = fetch_instruction(d, v, code);
    MemoryMove move{};
    const bool default_32 = (s.cs.access & segment_default_32) != 0;
    if (!decode_move(std::span<const std::uint8_t>{code, bytes}, in_64bit_code(s), default_32, move)) {
        inject_undefined_opcode(v);
        return;
    }
    perform(d, v, move, s.address);
}

} // namespace bulkhead::vcpu
