// SPDX-License-Identifier: Apache-2.0
// Ports and string instructions.
// REQ-INPUT-003 REQ-GUEST-008
#include <cstring>
#include <initializer_list>

#include <catch2/catch.hpp>

#include "exceptions.hpp"
#include "io.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

void io(Machine& m, IoExit exit, std::initializer_list<std::uint8_t> code = {0xec}) {
    std::uint64_t at = m.state().rip;
    for (const std::uint8_t b : code) {
        m.store(at++, b);
    }
    m.state().qualification = exit.pack();
    m.state().instruction_length = static_cast<std::uint32_t>(code.size());
    m.state().inject = 0;
    handle_io(m.d(), m.v());
}

constexpr IoExit in(std::uint16_t port, std::uint8_t width) {
    return {port, width, true, false, false};
}
constexpr IoExit out(std::uint16_t port, std::uint8_t width) {
    return {port, width, false, false, false};
}
constexpr IoExit outs(std::uint16_t port, std::uint8_t width, bool rep = true) {
    return {port, width, false, true, rep};
}
constexpr IoExit ins(std::uint16_t port, std::uint8_t width, bool rep = true) {
    return {port, width, true, true, rep};
}

} // namespace

TEST_CASE("reads give all ones in their width, and the timer's counter stands still") {
    Machine m;
    m.enter_long_mode();
    m.gpr(Gpr::rax) = 0x1122'3344'5566'7788;
    io(m, in(0x60, 1));
    CHECK(m.gpr(Gpr::rax) == 0x1122'3344'5566'77ff);
    io(m, in(0xcfc, 2));
    CHECK(m.gpr(Gpr::rax) == 0x1122'3344'5566'ffff);
    io(m, in(0xcf8, 4));
    CHECK(m.gpr(Gpr::rax) == 0xffff'ffff);
    io(m, in(0x42, 1));
    CHECK(m.gpr(Gpr::rax) == 0xffff'ff00);
    CHECK(m.state().rip == test::entry_address + 4);
}

TEST_CASE("writes vanish, port 0xe9 is the log") {
    Machine m;
    m.enter_long_mode();
    for (const char c : std::string{"hi\x07 there\n"}) {
        m.gpr(Gpr::rax) = static_cast<std::uint8_t>(c);
        io(m, out(0xe9, 1));
    }
    io(m, out(0x80, 4));
    REQUIRE(m.log.size() == 1);
    CHECK(m.log[0] == "hi there\n");
}

TEST_CASE("rep outsb") {
    Machine m;
    m.enter_long_mode();
    const std::string text = "[    0.000000] Linux version\nmore\n";
    std::memcpy(m.ram() + test::scratch, text.data(), text.size());
    m.gpr(Gpr::rsi) = test::scratch;
    m.gpr(Gpr::rcx) = text.size();
    io(m, outs(0xe9, 1), {0xf3, 0x6e});
    CHECK(m.log == std::vector<std::string>{"[    0.000000] Linux version\n", "more\n"});
    CHECK(m.gpr(Gpr::rcx) == 0);
    CHECK(m.gpr(Gpr::rsi) == test::scratch + text.size());
    CHECK(m.state().rip == test::entry_address + 2);
    CHECK(includes(m.exposed.back(), VcpuGroups::segments));
}

TEST_CASE("a long string is done in pieces") {
    Machine m;
    m.enter_long_mode();
    m.gpr(Gpr::rsi) = test::scratch;
    m.gpr(Gpr::rcx) = 3000;
    int exits = 0;
    while (m.state().rip == test::entry_address) {
        io(m, outs(0x80, 1), {0xf3, 0x6e});
        ++exits;
        REQUIRE(exits < 10);
    }
    CHECK(exits == 3);
    CHECK(m.gpr(Gpr::rsi) == test::scratch + 3000);
}

TEST_CASE("rep with a count of 0, and without rep") {
    Machine m;
    m.enter_long_mode();
    m.gpr(Gpr::rsi) = test::unmapped;
    m.gpr(Gpr::rcx) = 0;
    io(m, outs(0xe9, 1), {0xf3, 0x6e});
    CHECK(m.state().rip == test::entry_address + 2);
    m.gpr(Gpr::rsi) = test::scratch;
    m.gpr(Gpr::rcx) = 77;
    io(m, outs(0xe9, 2, false), {0x66, 0x6f});
    CHECK(m.gpr(Gpr::rcx) == 77);
    CHECK(m.gpr(Gpr::rsi) == test::scratch + 2);
}

TEST_CASE("a fault in the middle leaves the registers where it happened") {
    Machine m;
    m.enter_long_mode();
    m.gpr(Gpr::rsi) = test::ram_bytes - 3;
    m.gpr(Gpr::rcx) = 10;
    io(m, outs(0xe9, 1), {0xf3, 0x6e});
    CHECK(m.gpr(Gpr::rcx) == 7);
    CHECK(m.gpr(Gpr::rsi) == test::ram_bytes);
    CHECK(m.state().rip == test::entry_address);
    CHECK(m.state().inject == make_exception(exception::page_fault, 0));
    CHECK(m.state().cr2 == test::ram_bytes);
    CHECK(includes(m.v().changed, VcpuGroups::debug));
}

TEST_CASE("ins writes what a read gives, backwards too, and not where it may not") {
    Machine m;
    m.enter_long_mode();
    m.state().rflags |= 1u << 10;
    m.gpr(Gpr::rdi) = test::scratch + 8;
    m.gpr(Gpr::rcx) = 2;
    io(m, ins(0x60, 4), {0xf3, 0x6d});
    CHECK(m.load<std::uint64_t>(test::scratch + 4) == 0xffff'ffff'ffff'ffff);
    CHECK(m.load<std::uint32_t>(test::scratch) == 0);
    CHECK(m.gpr(Gpr::rdi) == test::scratch);
    m.gpr(Gpr::rdi) = test::read_only_page;
    m.gpr(Gpr::rcx) = 1;
    io(m, ins(0x60, 1), {0xf3, 0x6c});
    CHECK(m.state().inject == make_exception(exception::page_fault, 3));
    SECTION("a user's string instruction has a user's rights") {
        m.state().cpl = 3;
        m.gpr(Gpr::rdi) = test::scratch;
        io(m, ins(0x60, 1), {0xf3, 0x6c});
        CHECK(m.gpr(Gpr::rcx) == 1);
        CHECK(m.state().inject != 0); // the very instruction cannot be fetched by a user
    }
}

TEST_CASE("segments and address sizes of 32-bit code") {
    Machine m;
    VcpuState& s = m.state(); // as at entry: 32-bit, unpaged
    s.ds.base = 0x1000;
    s.es.base = 0x2000;
    std::memcpy(m.ram() + test::scratch, "abcdef", 6);
    m.gpr(Gpr::rsi) = 0xffff'ffff'0000'0000 | (test::scratch - 0x1000);
    m.gpr(Gpr::rcx) = 3;
    io(m, outs(0xe9, 1), {0xf3, 0x6e});
    CHECK(m.gpr(Gpr::rsi) == test::scratch - 0x1000 + 3);
    m.gpr(Gpr::rsi) = test::scratch - 0x2000 + 3;
    m.gpr(Gpr::rcx) = 3;
    io(m, outs(0xe9, 1), {0x26, 0xf3, 0x6e}); // es:
    m.d().log.flush();
    CHECK(m.log.back() == "abcdef");
    SECTION("16-bit addresses wrap at 64 KiB and leave the upper half alone") {
        s.ds.base = 0;
        m.gpr(Gpr::rsi) = 0xabcd'ffff;
        m.gpr(Gpr::rcx) = 0x1'0002;
        io(m, outs(0x80, 1), {0x67, 0xf3, 0x6e});
        CHECK(m.gpr(Gpr::rsi) == 0xabcd'0001);
        CHECK(m.gpr(Gpr::rcx) == 0x1'0000);
    }
}

TEST_CASE("64-bit code: only fs and gs have bases, 0x67 makes addresses 32 bits") {
    Machine m;
    m.enter_long_mode();
    VcpuState& s = m.state();
    s.ds.base = 0x5000'0000;
    s.gs.base = 0x1000;
    std::memcpy(m.ram() + test::scratch, "xyz", 3);
    m.gpr(Gpr::rsi) = test::scratch;
    m.gpr(Gpr::rcx) = 1;
    io(m, outs(0xe9, 1), {0xf3, 0x6e});
    m.gpr(Gpr::rsi) = test::scratch + 1 - 0x1000;
    m.gpr(Gpr::rcx) = 1;
    io(m, outs(0xe9, 1), {0x65, 0xf3, 0x6e});
    m.gpr(Gpr::rsi) = 0xffff'ffff'0000'0000 | (test::scratch + 2);
    m.gpr(Gpr::rcx) = 0xffff'ffff'0000'0001;
    io(m, outs(0xe9, 1), {0x67, 0xf3, 0x6e});
    m.d().log.flush();
    CHECK(m.log.back() == "xyz");
    CHECK(m.gpr(Gpr::rcx) == 0);
}
