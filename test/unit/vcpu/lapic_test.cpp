// SPDX-License-Identifier: Apache-2.0
// The local APIC by MSR and by memory, and its priorities.
// REQ-GUEST-011
#include <catch2/catch.hpp>

#include "lapic.hpp"

using namespace bulkhead::vcpu;

namespace {

Lapic make() {
    Lapic lapic;
    lapic.reset(0, true);
    REQUIRE(lapic.write_base(0xfee0'0d00)); // x2APIC mode
    return lapic;
}
Lapic enabled() {
    Lapic lapic = make();
    REQUIRE(lapic.write_msr(0x80f, 0x1ff));
    return lapic;
}
Lapic in_xapic_mode() {
    Lapic lapic = make();
    REQUIRE(lapic.write_base(0xfee0'0100));
    REQUIRE(lapic.write_base(0xfee0'0900));
    lapic.write_mmio(0xf0, 0x1ff);
    return lapic;
}
std::uint64_t msr(Lapic& lapic, std::uint32_t number) {
    std::uint64_t value = 0xdead;
    REQUIRE(lapic.read_msr(number, value));
    return value;
}

} // namespace

TEST_CASE("reset state: xAPIC mode, and what x2APIC mode makes of it") {
    Lapic lapic;
    lapic.reset(6, true);
    CHECK(lapic.base() == 0xfee0'0900);
    CHECK(lapic.read_mmio(0x20) == 6u << 24);
    CHECK(lapic.read_mmio(0x30) == 0x50014);
    CHECK(lapic.read_mmio(0xf0) == 0xff);
    CHECK(lapic.read_mmio(0x350) == 0x10000);
    std::uint64_t value = 0;
    CHECK_FALSE(lapic.read_msr(0x802, value));
    REQUIRE(lapic.write_base(0xfee0'0d00));
    CHECK(msr(lapic, 0x802) == 6);
    CHECK(msr(lapic, 0x803) == 0x50014);
    CHECK(msr(lapic, 0x80d) == 0x40);
    CHECK(msr(lapic, 0x80f) == 0xff);
    CHECK(msr(lapic, 0x835) == 0x10000);
    CHECK(lapic.deliverable() == 0);
}

TEST_CASE("APIC_BASE transitions") {
    Lapic lapic = make();
    CHECK(lapic.write_base(0xfee0'0d00));
    CHECK_FALSE(lapic.write_base(0xfee0'0900)); // x2APIC to xAPIC only through off
    CHECK_FALSE(lapic.write_base(0xfee0'0500)); // EXTD without EN
    CHECK_FALSE(lapic.write_base(0xfed0'0d00));
    CHECK_FALSE(lapic.write_base(0xfee0'0d01));
    CHECK(lapic.mode() == Lapic::Mode::x2apic);
    CHECK(lapic.write_base(0xfee0'0100));
    CHECK(lapic.mode() == Lapic::Mode::disabled);
    CHECK_FALSE(lapic.write_base(0xfee0'0d00));
    CHECK(lapic.write_base(0xfee0'0900));
    CHECK(lapic.write_base(0xfee0'0d00));
    std::uint64_t value = 0;
    CHECK(lapic.write_base(0xfee0'0100));
    CHECK_FALSE(lapic.read_msr(0x802, value));
    CHECK_FALSE(lapic.write_msr(0x80b, 0));
}

TEST_CASE("x2APIC registers: what exists, what may be written") {
    Lapic lapic = enabled();
    std::uint64_t value = 0;
    for (std::uint32_t number = 0x800; number <= 0x8ff; ++number) {
        const std::uint32_t n = number - 0x800;
        const bool exists = n == 2 || n == 3 || n == 8 || n == 0xa || n == 0xd || n == 0xf || (n >= 0x10 && n < 0x28) ||
                            n == 0x28 || n == 0x30 || (n >= 0x32 && n <= 0x39) || n == 0x3e;
        CHECK(lapic.read_msr(number, value) == exists);
        CHECK_FALSE(lapic.write_msr(number, 0xffff'ffff'ffff'ffff));
    }
    CHECK_FALSE(lapic.write_msr(0x802, 0));
    CHECK_FALSE(lapic.write_msr(0x80b, 1));
    CHECK_FALSE(lapic.write_msr(0x828, 1));
    CHECK(lapic.write_msr(0x80b, 0));
    // What Linux writes as it sets the APIC up and shuts it down.
    for (const auto& [number, written] : {std::pair<std::uint32_t, std::uint64_t>{0x808, 0x10},
                                          {0x835, 0x10700},
                                          {0x836, 0x400},
                                          {0x837, 0xfe},
                                          {0x832, 0x10000},
                                          {0x833, 0x10000},
                                          {0x834, 0x10000}}) {
        CHECK(lapic.write_msr(number, written));
        CHECK(msr(lapic, number) == written);
    }
}

TEST_CASE("IRR, ISR and end of interrupt") {
    Lapic lapic = enabled();
    CHECK(lapic.write_msr(0x83f, 0xf6)); // self IPI
    CHECK(msr(lapic, 0x827) == 1u << (0xf6 - 0xe0));
    CHECK(lapic.deliverable() == 0xf6);
    lapic.accept(0xf6);
    CHECK(msr(lapic, 0x827) == 0);
    CHECK(msr(lapic, 0x817) == 1u << (0xf6 - 0xe0));
    CHECK(msr(lapic, 0x80a) == 0xf0);
    lapic.request(0xf1); // the same class waits
    CHECK(lapic.deliverable() == 0);
    lapic.request(0x40);
    CHECK(lapic.write_msr(0x80b, 0));
    CHECK(lapic.deliverable() == 0xf1);
    lapic.accept(0xf1);
    CHECK(lapic.write_msr(0x80b, 0));
    CHECK(lapic.deliverable() == 0x40);
    CHECK(lapic.write_msr(0x808, 0x40));
    CHECK(lapic.deliverable() == 0);
    CHECK(lapic.write_msr(0x808, 0x3f));
    CHECK(lapic.deliverable() == 0x40);
    CHECK(lapic.write_msr(0x80f, 0xff)); // switched off by software
    CHECK(lapic.deliverable() == 0);
    CHECK(lapic.write_msr(0x80b, 0)); // an EOI with nothing in service
}

TEST_CASE("ICR: which interrupts reach the only CPU") {
    const auto send = [](std::uint64_t icr) {
        Lapic lapic = enabled();
        REQUIRE(lapic.write_msr(0x830, icr));
        CHECK(msr(lapic, 0x830) == icr);
        return lapic.deliverable();
    };
    CHECK(send(0x0000'00f6) == 0xf6);           // physical, to 0
    CHECK(send(0x2'0000'00f6) == 0);            // to another
    CHECK(send(0xffff'ffff'0000'00f6) == 0xf6); // broadcast
    CHECK(send(0x4'00f6) == 0xf6);              // self
    CHECK(send(0x8'00f6) == 0xf6);              // all
    CHECK(send(0xc'00f8) == 0);                 // all but self: Linux's last one
    CHECK(send(0x1'0000'08f6) == 0xf6);         // logical
    CHECK(send(0x2'0000'08f6) == 0);
    CHECK(send(0x2'0000'c500) == 0); // INIT, SIPI
    CHECK(send(0x2'0000'0699) == 0);
    CHECK(send(0x4'0005) == 0); // a vector that cannot be

    Lapic lapic = enabled();
    CHECK_FALSE(lapic.write_msr(0x830, 0x10'0000));
    CHECK_FALSE(lapic.take_nmi());
    CHECK(lapic.write_msr(0x830, 0x4'0400));
    CHECK(lapic.take_nmi());
    CHECK_FALSE(lapic.take_nmi());
    CHECK(lapic.write_msr(0x83f, 5));
    CHECK(lapic.write_msr(0x828, 0));
    CHECK(msr(lapic, 0x828) == 0x20); // send illegal vector
    CHECK(lapic.write_msr(0x828, 0));
    CHECK(msr(lapic, 0x828) == 0);
}

TEST_CASE("xAPIC registers by memory") {
    Lapic lapic = in_xapic_mode();
    CHECK(lapic.read_mmio(0x20) == 0);
    CHECK(lapic.read_mmio(0x30) == 0x50014);
    CHECK(lapic.read_mmio(0xe0) == 0xffff'ffff);
    lapic.write_mmio(0xe0, 0);
    CHECK(lapic.read_mmio(0xe0) == 0x0fff'ffff);
    lapic.write_mmio(0xe0, 0xf000'0000);
    lapic.write_mmio(0xd0, 0x0100'0000);
    CHECK(lapic.read_mmio(0xd0) == 0x0100'0000);
    lapic.write_mmio(0x310, 0x0100'0000);
    lapic.write_mmio(0x300, 0x8f6); // logical, flat
    CHECK(lapic.deliverable() == 0xf6);
    lapic.accept(0xf6);
    lapic.write_mmio(0xb0, 0x1234);
    CHECK(lapic.read_mmio(0x170) == 0);
    lapic.write_mmio(0x310, 0xff00'0000);
    lapic.write_mmio(0x300, 0x40f6);
    CHECK(lapic.deliverable() == 0xf6);
    CHECK(lapic.read_mmio(0x300) == 0x40f6);
    CHECK(lapic.read_mmio(0x3f0) == 0);
    CHECK(lapic.read_mmio(0x21) == 0);
    CHECK(lapic.read_mmio(0xff0) == 0);
    lapic.write_mmio(0x20, 0xff00'0000);
    lapic.write_mmio(0x22, 5);
    CHECK(lapic.read_mmio(0x20) == 0);
    std::uint64_t value = 0;
    CHECK_FALSE(lapic.read_msr(0x802, value));
}
