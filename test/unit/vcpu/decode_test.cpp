// SPDX-License-Identifier: Apache-2.0
// The decoder of moves, and accesses to places without memory.
// REQ-INPUT-005
#include <cstring>
#include <initializer_list>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "exceptions.hpp"
#include "machine.hpp"
#include "mmio.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

struct Decoded {
    bool ok;
    MemoryMove move;
};
Decoded decode64(std::vector<std::uint8_t> code) {
    MemoryMove move{};
    const bool ok = decode_move(code, true, false, move);
    return {ok, move};
}
Decoded decode32(std::vector<std::uint8_t> code) {
    MemoryMove move{};
    const bool ok = decode_move(code, false, true, move);
    return {ok, move};
}
void expect(const Decoded& d, std::uint32_t length, bool store, std::uint32_t bytes, std::uint32_t reg) {
    REQUIRE(d.ok);
    CHECK(d.move.length == length);
    CHECK(d.move.store == store);
    CHECK(d.move.bytes == bytes);
    CHECK(d.move.reg == reg);
}

} // namespace

TEST_CASE("what Linux uses for its APIC") {
    expect(decode64({0x8b, 0x87, 0x00, 0xd0, 0x5f, 0xff}), 6, false, 4, 0); // mov eax, [rdi+disp32]
    expect(decode64({0x89, 0xb7, 0x00, 0xd0, 0x5f, 0xff}), 6, true, 4, 6);  // mov [rdi+disp32], esi
    expect(decode32({0x8b, 0x00}), 2, false, 4, 0);                         // mov eax, [eax]
    expect(decode32({0x89, 0x10}), 2, true, 4, 2);                          // mov [eax], edx
}

TEST_CASE("addressing forms") {
    expect(decode64({0x8b, 0x05, 1, 2, 3, 4}), 6, false, 4, 0);             // [rip+disp32]
    expect(decode64({0x8b, 0x04, 0x24}), 3, false, 4, 0);                   // [rsp]
    expect(decode64({0x8b, 0x4c, 0x24, 8}), 4, false, 4, 1);                // [rsp+8]
    expect(decode64({0x8b, 0x0c, 0x25, 0, 0, 0xe0, 0xfe}), 7, false, 4, 1); // [disp32]
    expect(decode64({0x8b, 0x84, 0x88, 1, 0, 0, 0}), 7, false, 4, 0);       // [rax+rcx*4+disp32]
    expect(decode64({0x44, 0x8b, 0x18}), 3, false, 4, 11);                  // REX.R
    expect(decode64({0x48, 0x8b, 0x18}), 3, false, 8, 3);
    expect(decode64({0x66, 0x89, 0x18}), 3, true, 2, 3);
    expect(decode64({0x41, 0x66, 0x89, 0x18}), 4, true, 2, 3); // a REX that is not last is void
    expect(decode64({0x67, 0x8b, 0x00}), 3, false, 4, 0);
    expect(decode64({0xa1, 1, 2, 3, 4, 5, 6, 7, 8}), 9, false, 4, 0);
    expect(decode64({0xa2, 1, 2, 3, 4, 5, 6, 7, 8}), 9, true, 1, 0);
    expect(decode32({0xa3, 1, 2, 3, 4}), 5, true, 4, 0);
    expect(decode32({0x67, 0x8b, 0x06, 1, 2}), 5, false, 4, 0); // [disp16]
    expect(decode32({0x67, 0x8b, 0x47, 1}), 4, false, 4, 0);    // [bx+1]
    expect(decode32({0x8b, 0x0d, 0x20, 0, 0xe0, 0xfe}), 6, false, 4, 1);
}

TEST_CASE("bytes, immediates, zero extension") {
    const Decoded high = decode64({0x88, 0x20}); // mov [rax], ah
    expect(high, 2, true, 1, 0);
    CHECK(high.move.high_byte);
    CHECK_FALSE(decode64({0x40, 0x88, 0x20}).move.high_byte); // spl
    CHECK(decode64({0x40, 0x88, 0x20}).move.reg == 4);
    const Decoded immediate = decode64({0xc7, 0x00, 0x78, 0x56, 0x34, 0x12});
    expect(immediate, 6, true, 4, 0);
    CHECK(immediate.move.immediate);
    CHECK(immediate.move.value == 0x12345678);
    CHECK(decode64({0x48, 0xc7, 0x00, 0, 0, 0, 0x80}).move.value == 0xffff'ffff'8000'0000);
    expect(decode64({0xc6, 0x40, 4, 9}), 4, true, 1, 0);
    const Decoded extended = decode64({0x0f, 0xb7, 0x08}); // movzx ecx, word [rax]
    expect(extended, 3, false, 2, 1);
    CHECK(extended.move.target_bytes == 4);
}

TEST_CASE("arithmetic on memory") {
    const Decoded orl = decode32({0x81, 0x08, 0, 1, 0, 0}); // or dword [eax], 0x100
    expect(orl, 6, true, 4, 0);
    CHECK(orl.move.op == AluOp::bit_or);
    CHECK(orl.move.value == 0x100);
    const Decoded and_short = decode32({0x83, 0x60, 0x10, 0xfe}); // and dword [eax+16], -2
    expect(and_short, 4, true, 4, 0);
    CHECK(and_short.move.op == AluOp::bit_and);
    CHECK(and_short.move.value == ~std::uint64_t{1});
    const Decoded locked = decode32({0xf0, 0x09, 0x13}); // lock or [ebx], edx
    expect(locked, 3, true, 4, 2);
    CHECK(locked.move.op == AluOp::bit_or);
    const Decoded add = decode32({0x03, 0x0c, 0x98}); // add ecx, [eax+ebx*4]
    expect(add, 3, false, 4, 1);
    CHECK(add.move.op == AluOp::add);
    const Decoded compare = decode32({0x66, 0x39, 0x07}); // cmp [edi], ax
    expect(compare, 3, true, 2, 0);
    CHECK(compare.move.op == AluOp::cmp);
    const Decoded test_immediate =
        decode32({0xf7, 0x05, 0, 3, 0xe0, 0xfe, 0, 0x10, 0, 0}); // test dword [disp32], 0x1000
    expect(test_immediate, 10, true, 4, 0);
    CHECK(test_immediate.move.op == AluOp::test);
    const Decoded exchange = decode32({0x87, 0x10}); // xchg [eax], edx
    expect(exchange, 2, true, 4, 2);
    CHECK(exchange.move.op == AluOp::exchange);
    const Decoded sign = decode32({0x0f, 0xbe, 0x08}); // movsx ecx, byte [eax]
    expect(sign, 3, false, 1, 1);
    CHECK(sign.move.sign_extended);
    const Decoded sixteen_bit = [] {
        MemoryMove move{};
        const std::vector<std::uint8_t> code{0x66, 0x67, 0x81, 0x4d, 0x10, 1, 2, 3, 4}; // or dword [ebp+16], imm32
        const bool ok = decode_move(code, false, false, move);
        return Decoded{ok, move};
    }();
    expect(sixteen_bit, 9, true, 4, 0);
    CHECK(sixteen_bit.move.value == 0x0403'0201);
}

TEST_CASE("LOCK only where memory is read and written") {
    CHECK(decode32({0xf0, 0x87, 0x10}).ok);
    CHECK(decode32({0xf0, 0x83, 0x08, 1}).ok);
    CHECK_FALSE(decode32({0xf0, 0x89, 0x10}).ok);
    CHECK_FALSE(decode32({0xf0, 0x03, 0x10}).ok);
    CHECK_FALSE(decode32({0xf0, 0x39, 0x10}).ok);
    CHECK_FALSE(decode32({0xf0, 0xa3, 0, 0, 0, 0}).ok);
    CHECK_FALSE(decode32({0xf0, 0x83, 0x38, 1}).ok); // cmp
}

TEST_CASE("what is refused") {
    CHECK_FALSE(decode64({0x8b, 0xc0}).ok);             // register to register
    CHECK_FALSE(decode64({0xc7, 0x08, 0, 0, 0, 0}).ok); // C7 /1
    CHECK_FALSE(decode64({0xfe, 0x00}).ok);             // inc
    CHECK_FALSE(decode32({0x63, 0x00}).ok);             // arpl
    CHECK_FALSE(decode64({0x0f, 0x01, 0x00}).ok);
    CHECK_FALSE(decode64({0x8b}).ok); // cut off
    CHECK_FALSE(decode64({0x8b, 0x87, 0, 0}).ok);
    CHECK_FALSE(decode64({}).ok);
    CHECK_FALSE(decode64(std::vector<std::uint8_t>(15, 0x66)).ok);
}

TEST_CASE("random bytes decode to something within bounds or not at all") {
    std::mt19937 random{5};
    for (int i = 0; i < 200'000; ++i) {
        std::vector<std::uint8_t> code(random() % 16);
        for (auto& b : code) {
            b = static_cast<std::uint8_t>(random());
        }
        MemoryMove move{};
        if (decode_move(code, random() % 2 != 0, random() % 2 != 0, move)) {
            CHECK(move.length <= code.size());
            CHECK(move.reg < 16);
            CHECK((move.bytes == 1 || move.bytes == 2 || move.bytes == 4 || move.bytes == 8));
        }
    }
}

TEST_CASE("accesses without memory behind them") {
    Machine m;
    m.enter_long_mode();
    VcpuState& s = m.state();
    const auto fault = [&](std::initializer_list<std::uint8_t> code, std::uint64_t address, std::uint64_t bits = 0) {
        std::uint64_t at = s.rip;
        for (const std::uint8_t b : code) {
            m.store(at++, b);
        }
        s.address = address;
        s.qualification = bits;
        s.inject = 0;
        handle_stage2_fault(m.d(), m.v());
    };
    SECTION("loads give ones, stores vanish") {
        fault({0x8b, 0x03}, 0xc000'0000);
        CHECK(m.gpr(Gpr::rax) == 0xffff'ffff);
        CHECK(s.rip == test::entry_address + 2);
        m.gpr(Gpr::rax) = 0x1122'3344'5566'7788;
        fault({0x8a, 0x23}, 0xc000'0000); // mov ah, [rbx]
        CHECK(m.gpr(Gpr::rax) == 0x1122'3344'5566'ff88);
        fault({0x66, 0x8b, 0x03}, 0xc000'0000);
        CHECK(m.gpr(Gpr::rax) == 0x1122'3344'5566'ffff);
        fault({0x0f, 0xb6, 0x03}, 0xc000'0000);
        CHECK(m.gpr(Gpr::rax) == 0xff);
        fault({0x48, 0x89, 0x03}, 0xc000'0000, stage2_fault::write);
        CHECK(s.inject == 0);
    }
    SECTION("the APIC's page in xAPIC mode") {
        REQUIRE(m.v().lapic.write_base(0xfee0'0100));
        REQUIRE(m.v().lapic.write_base(0xfee0'0900));
        fault({0x8b, 0x87, 0, 0, 0, 0}, 0xfee0'0030);
        CHECK(m.gpr(Gpr::rax) == 0x50014);
        m.gpr(Gpr::rsi) = 0x1ff;
        fault({0x89, 0xb7, 0, 0, 0, 0}, 0xfee0'00f0, stage2_fault::write);
        CHECK(m.v().lapic.read_mmio(0xf0) == 0x1ff);
        CHECK(s.rip == test::entry_address + 12);
    }
    SECTION("reading, computing and writing the APIC's registers") {
        auto& lapic = m.v().lapic;
        fault({0x81, 0x0b, 0, 1, 0, 0}, 0xfee0'00f0, stage2_fault::write); // or dword [rbx], 0x100
        CHECK(lapic.read_mmio(0xf0) == 0x1ff);
        CHECK((s.rflags & 0x8d5) == 0x4);                            // parity of ff
        fault({0x83, 0x23, 0x7f}, 0xfee0'00f0, stage2_fault::write); // and dword [rbx], 0x7f
        CHECK(lapic.read_mmio(0xf0) == 0x7f);
        m.gpr(Gpr::rdx) = 0x20;
        fault({0x87, 0x13}, 0xfee0'0080, stage2_fault::write); // xchg [rbx], edx
        CHECK(lapic.read_mmio(0x80) == 0x20);
        CHECK(m.gpr(Gpr::rdx) == 0);
        fault({0x83, 0x3b, 0x20}, 0xfee0'0080); // cmp dword [rbx], 0x20
        CHECK((s.rflags & 0x40) != 0);
        CHECK(lapic.read_mmio(0x80) == 0x20);
        m.gpr(Gpr::rcx) = 0xffff'ffff'0000'0001;
        fault({0x03, 0x0b}, 0xfee0'0080); // add ecx, [rbx]
        CHECK(m.gpr(Gpr::rcx) == 0x21);
        fault({0x48, 0x0f, 0xbe, 0x0b}, 0xc000'0000); // movsx rcx, byte [rbx]
        CHECK(m.gpr(Gpr::rcx) == ~std::uint64_t{0});
    }
    SECTION("what cannot be done as it should is an exception") {
        fault({0xff, 0x03}, 0xc000'0000); // inc dword [rbx]
        CHECK(s.inject == make_exception(exception::undefined_opcode));
        fault({0x8b, 0x03}, 0xc000'0000, stage2_fault::execute);
        CHECK(s.inject == make_exception(exception::undefined_opcode));
        fault({0x8b, 0x03}, 0xc000'0000, stage2_fault::present | stage2_fault::write);
        CHECK(s.inject == make_exception(exception::general_protection, 0));
        CHECK(s.rip == test::entry_address);
        s.rip = test::unmapped;
        s.address = 0xc000'0000;
        s.qualification = 0;
        handle_stage2_fault(m.d(), m.v());
        CHECK(s.inject == make_exception(exception::undefined_opcode));
    }
    SECTION("an instruction at the end of what is mapped") {
        s.rip = test::ram_bytes - 2;
        fault({0x8b, 0x03}, 0xc000'0000);
        CHECK(m.gpr(Gpr::rax) == 0xffff'ffff);
        s.rip = test::ram_bytes - 1;
        fault({0x8b}, 0xc000'0000);
        CHECK(s.inject == make_exception(exception::undefined_opcode));
    }
    SECTION("page tables outside memory") {
        fault({0x90}, 0xc000'0000, stage2_fault::table_walk);
        CHECK(m.d().ended);
        CHECK(m.d().shutdown_reason == SHUTDOWN_crash);
    }
}
