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

TEST_CASE("what is refused") {
    CHECK_FALSE(decode64({0x8b, 0xc0}).ok);             // register to register
    CHECK_FALSE(decode64({0xc7, 0x08, 0, 0, 0, 0}).ok); // C7 /1
    CHECK_FALSE(decode64({0x01, 0x00}).ok);             // add
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
    SECTION("what cannot be done as it should is an exception") {
        fault({0x01, 0x03}, 0xc000'0000); // add [rbx], eax
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
