// SPDX-License-Identifier: Apache-2.0
// MOV to DR7, done for the guest.
#include <initializer_list>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "debug_control.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

bool decodes(std::vector<std::uint8_t> code, bool long_code, std::uint32_t length, std::uint8_t reg,
             bool write = true) {
    DebugMove move{};
    return decode_debug_move(code, long_code, move) && move.length == length && move.reg == reg && move.write == write;
}
bool refused(std::vector<std::uint8_t> code, bool long_code) {
    DebugMove move{};
    return !decode_debug_move(code, long_code, move);
}

TEST_CASE("moves to DR7 are decoded") {
    CHECK(decodes({0x0f, 0x23, 0xf8}, true, 3, 0));        // mov dr7, rax
    CHECK(decodes({0x0f, 0x23, 0xff}, false, 3, 7));       // mov dr7, edi
    CHECK(decodes({0x41, 0x0f, 0x23, 0xfc}, true, 4, 12)); // mov dr7, r12
    CHECK(decodes({0x0f, 0x23, 0xe8}, true, 3, 0));        // mov dr5, rax: the same register
    CHECK(decodes({0x0f, 0x23, 0x38}, true, 3, 0));        // whatever mod says
    CHECK(decodes({0x66, 0x2e, 0x0f, 0x23, 0xf8}, false, 5, 0));
    CHECK(refused({0x41, 0x0f, 0x23, 0xf8}, false));       // INC ECX there
    CHECK(refused({0x44, 0x0f, 0x23, 0xf8}, true));        // DR15
    CHECK(refused({0x0f, 0x23, 0xc0}, true));              // DR0
    CHECK(decodes({0x0f, 0x21, 0xfb}, true, 3, 3, false)); // mov rbx, dr7
    CHECK(refused({0x0f, 0x20, 0xf8}, true));
    CHECK(refused({0x0f, 0x23}, true));
    CHECK(refused({}, true));
    CHECK(refused(std::vector<std::uint8_t>(15, 0x66), true));
    std::mt19937 random{7};
    for (int i = 0; i < 100'000; ++i) {
        std::vector<std::uint8_t> code(random() % 16);
        for (auto& b : code) {
            b = static_cast<std::uint8_t>(random());
        }
        DebugMove move{};
        if (decode_debug_move(code, random() % 2 != 0, move)) {
            CHECK((move.length <= code.size() && move.reg < 16));
        }
    }
}

TEST_CASE("a guest finds in DR7 what it put there (REQ-GUEST-012)") {
    Machine m;
    m.enter_long_mode();
    VcpuState& s = m.state();
    s.dr7 = 0x400;
    const auto execute = [&](std::initializer_list<std::uint8_t> code) {
        std::uint64_t at = s.rip;
        for (const std::uint8_t b : code) {
            m.store(at++, b);
        }
        s.inject = 0;
        handle_debug_control(m.d(), m.v());
    };
    execute({0x0f, 0x21, 0xfa}); // mov rdx, dr7
    CHECK(m.gpr(Gpr::rdx) == 0x400);
    m.gpr(Gpr::rcx) = 0xfff;
    execute({0x0f, 0x23, 0xf9}); // mov dr7, rcx
    execute({0x0f, 0x21, 0xfa});
    CHECK(m.gpr(Gpr::rdx) == 0x7ff);
    CHECK(s.dr7 == 0x400); // the processor learns nothing of it
    CHECK(s.rip == test::entry_address + 9);
    CHECK(s.inject == 0);
    m.gpr(Gpr::rcx) = std::uint64_t{1} << 32;
    execute({0x0f, 0x23, 0xf9});
    CHECK(s.inject == make_exception(13, 0));
    CHECK(s.rip == test::entry_address + 9);
}

} // namespace
