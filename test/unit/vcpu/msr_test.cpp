// SPDX-License-Identifier: Apache-2.0
// Which MSRs exist, and what may be written to them.
// REQ-INPUT-004 REQ-GUEST-011
#include <set>

#include <catch2/catch.hpp>

#include "entry_state.hpp"
#include "machine.hpp"
#include "msr.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {
constexpr std::uint32_t efer = 0xc000'0080, pat = 0x277, apic_base = 0x1b, tsc_aux = 0xc000'0103, nb_cfg = 0xc001'001f;

std::uint64_t read(Machine& m, std::uint32_t msr) {
    std::uint64_t value = 0;
    REQUIRE(read_msr(m.d(), m.v(), msr, value));
    return value;
}
bool write(Machine& m, std::uint32_t msr, std::uint64_t value) {
    return write_msr(m.d(), m.v(), msr, value);
}
} // namespace

TEST_CASE("EFER") {
    Machine m;
    m.v().changed = VcpuGroups::none;
    CHECK(read(m, efer) == 0);
    CHECK(write(m, efer, 0x100));
    CHECK(m.state().efer == 0x100);
    CHECK(includes(m.v().changed, VcpuGroups::mode));
    CHECK(write(m, efer, 0x901));
    CHECK_FALSE(write(m, efer, 0x1000)); // SVME
    CHECK_FALSE(write(m, efer, 0x2));
    CHECK_FALSE(write(m, efer, std::uint64_t{1} << 63));
    m.enter_long_mode();
    CHECK_FALSE(write(m, efer, 0xc01)); // LME off while paging is on
    CHECK(write(m, efer, 0x901));       // LMA is not the guest's to clear
    CHECK(m.state().efer == 0xd01);
}

TEST_CASE("PAT") {
    Machine m;
    m.v().changed = VcpuGroups::none;
    CHECK(read(m, pat) == pat_at_reset);
    CHECK(write(m, pat, 0x0407'0506'0007'0106));
    CHECK(read(m, pat) == 0x0407'0506'0007'0106);
    CHECK(m.state().pat == 0x0407'0506'0007'0106);
    CHECK(includes(m.v().changed, VcpuGroups::pat));
    for (const std::uint64_t bad : {2u, 3u, 8u, 0xffu}) {
        for (int i = 0; i < 8; ++i) {
            CHECK_FALSE(write(m, pat, bad << (8 * i)));
        }
    }
}

TEST_CASE("TSC_AUX and APIC_BASE") {
    Machine m;
    m.v().changed = VcpuGroups::none;
    CHECK(write(m, tsc_aux, 0x12345));
    CHECK(read(m, tsc_aux) == 0x12345);
    CHECK(m.state().tsc_aux == 0x12345);
    CHECK(includes(m.v().changed, VcpuGroups::tsc));
    CHECK_FALSE(write(m, tsc_aux, 0x1'0000'0000));
    CHECK(read(m, apic_base) == 0xfee0'0900);
    CHECK(write(m, apic_base, 0xfee0'0d00));
    CHECK_FALSE(write(m, apic_base, 0));
}

TEST_CASE("the hypercall page") {
    Machine m;
    CHECK_FALSE(write(m, hypercall_msr, test::scratch | 1));
    CHECK_FALSE(write(m, hypercall_msr, 0x8000'0000'0000));
    REQUIRE(write(m, hypercall_msr, test::scratch));
    const std::uint8_t* stub = m.ram() + test::scratch + 17 * 32;
    const std::uint8_t expected[] = {0xb8, 17, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};
    CHECK(std::equal(std::begin(expected), std::end(expected), stub));
    CHECK(m.load<std::uint16_t>(test::scratch + 23 * 32) == 0x0b0f);
    CHECK(read(m, hypercall_msr) == 0);
}

TEST_CASE("every other MSR is #GP") {
    Machine m;
    const std::set<std::uint32_t> known{efer, pat, apic_base, tsc_aux, hypercall_msr, nb_cfg};
    CHECK(read(m, nb_cfg) == std::uint64_t{1} << 46);
    CHECK_FALSE(write(m, nb_cfg, std::uint64_t{1} << 46));
    for (const std::uint32_t base : {0u, 0x4000'0000u, 0xc000'0000u, 0xc001'0000u}) {
        for (std::uint32_t msr = base; msr < base + 0x2000; ++msr) {
            if (known.count(msr) != 0 || (msr >= 0x800 && msr <= 0x8ff)) {
                continue;
            }
            std::uint64_t value = 0;
            CHECK_FALSE(read_msr(m.d(), m.v(), msr, value));
            CHECK_FALSE(write(m, msr, 0));
        }
    }
}
