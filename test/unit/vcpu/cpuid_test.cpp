// SPDX-License-Identifier: Apache-2.0
// The CPUID policy against a host that claims everything.
// REQ-GUEST-011
#include <catch2/catch.hpp>

#include <bulkhead/xen.hpp>

#include "machine.hpp"

using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::fake_cpuid;

namespace {
constexpr std::uint32_t bit(int n) {
    return 1u << n;
}
CpuidResult ask(std::uint32_t leaf, std::uint32_t subleaf = 0, std::uint64_t cr4 = 0, std::uint32_t vcpu = 0) {
    return guest_cpuid(leaf, subleaf, fake_cpuid, {vcpu, cr4, 2'600'000, 0xabcd'ef01, -1});
}
} // namespace

TEST_CASE("vendor passes, leaf numbers are limited") {
    const CpuidResult basic = ask(0);
    CHECK(basic.eax == 0xd);
    CHECK(basic.ebx == 0x68747541);
    const CpuidResult extended = ask(0x8000'0000);
    CHECK(extended.eax == 0x8000'0008);
    CHECK(extended.ecx == 0x444d4163);
}

TEST_CASE("leaf 1 hides what would only cause exits") {
    const CpuidResult r = ask(1);
    for (const int hidden : {3, 5, 15, 17, 24, 27}) { // MONITOR VMX PDCM PCID TSC_DEADLINE OSXSAVE
        CHECK((r.ecx & bit(hidden)) == 0);
    }
    for (const int shown : {0, 13, 21, 23, 26, 30, 31}) { // SSE3 CX16 x2APIC POPCNT XSAVE RDRAND hypervisor
        CHECK((r.ecx & bit(shown)) != 0);
    }
    for (const int hidden : {7, 12, 14, 28}) { // MCE MTRR MCA HTT
        CHECK((r.edx & bit(hidden)) == 0);
    }
    for (const int shown : {0, 4, 5, 6, 8, 9, 13, 15, 16, 24, 25, 26}) { // what Linux needs, with APIC
        CHECK((r.edx & bit(shown)) != 0);
    }
    CHECK((r.eax >> 8 & 0xf) == 0xf);
    CHECK((r.eax >> 20 & 0xff) == 0xb); // family 0x1a in place of 0xf
    CHECK((r.ebx >> 24) == 0);
    CHECK((r.ebx >> 16 & 0xff) == 1);
    CHECK((ask(1, 0, 0, 3).ebx >> 24) == 6);
    CHECK((ask(1, 0, 1u << 18).ecx & bit(27)) != 0);
    CHECK(ask(0x8000'0001).eax == r.eax);
}

TEST_CASE("other families are shown as they are") {
    const auto host = [](std::uint32_t leaf, std::uint32_t subleaf) {
        CpuidResult r = fake_cpuid(leaf, subleaf);
        r.eax = leaf == 1 ? 0x00a20f10 : r.eax;
        return r;
    };
    CHECK(guest_cpuid(1, 0, host, {}).eax == 0x00a20f10);
}

TEST_CASE("leaf 7") {
    const CpuidResult r = ask(7);
    CHECK(r.eax == 0);
    for (const int hidden : {10, 16, 17, 21, 27, 30, 31}) { // INVPCID and AVX-512
        CHECK((r.ebx & bit(hidden)) == 0);
    }
    CHECK((r.ebx & bit(7)) != 0);
    CHECK((r.ebx & bit(20)) != 0);
    CHECK((r.ecx & bit(16)) == 0); // LA57
    CHECK((r.ecx & bit(4)) == 0);
    CHECK((ask(7, 0, 1u << 22).ecx & bit(4)) != 0); // OSPKE follows CR4.PKE
    CHECK(ask(7, 1).eax == 0);
    CHECK(ask(7, 1).ebx == 0);
}

TEST_CASE("extended state: x87, SSE, AVX, PKRU, in a page") {
    const CpuidResult r = ask(0xd, 0);
    CHECK(r.eax == 0x207);
    CHECK(r.ecx == 2696);
    CHECK(r.ebx == 2696);
    CHECK(r.ecx <= 4096);
    CHECK(ask(0xd, 1).eax == 5);
    CHECK(ask(0xd, 1).ebx == 0);
    CHECK(ask(0xd, 2).eax == 256);
    CHECK(ask(0xd, 9).ebx == 2688);
    CHECK(ask(0xd, 5).eax == 0); // AVX-512
    CHECK(ask(0xd, 100).eax == 0);
    const auto without = [](std::uint32_t, std::uint32_t) { return CpuidResult{}; };
    CHECK(guest_cpuid(0xd, 0, without, {}).ebx == 0);
}

TEST_CASE("extended leaves") {
    const CpuidResult r = ask(0x8000'0001);
    for (const int hidden : {2, 9, 10, 22, 23, 29}) { // SVM OSVW IBS TOPOEXT PERFCTR MONITORX
        CHECK((r.ecx & bit(hidden)) == 0);
    }
    for (const int hidden : {7, 12, 14}) {
        CHECK((r.edx & bit(hidden)) == 0);
    }
    for (const int shown : {9, 11, 20, 27, 29}) { // APIC SYSCALL NX RDTSCP LM
        CHECK((r.edx & bit(shown)) != 0);
    }
    CHECK(guest_has_nx(fake_cpuid));
    CHECK(ask(0x8000'0008).eax == 0x3028);
    CHECK(ask(0x8000'0008).ecx == 0);
}

TEST_CASE("leaves that are not in the policy are zeros") {
    for (const std::uint32_t leaf : {3u, 4u, 5u, 6u, 8u, 9u, 0xau, 0xcu, 0xeu, 0xfu, 0x10u, 0x12u, 0x14u, 0x8000'0007u,
                                     0x8000'000au, 0x8000'001fu, 0x8000'0021u, 0x9000'0000u, 0xffff'ffffu}) {
        const CpuidResult r = ask(leaf, 0);
        CHECK((r.eax | r.ebx | r.ecx | r.edx) == 0);
    }
}

TEST_CASE("Xen's leaves") {
    const CpuidResult first = ask(0x4000'0000);
    CHECK(first.eax == 0x4000'0004);
    CHECK(first.ebx == XEN_CPUID_SIGNATURE_EBX);
    CHECK(first.ecx == XEN_CPUID_SIGNATURE_ECX);
    CHECK(first.edx == XEN_CPUID_SIGNATURE_EDX);
    CHECK(ask(0x4000'0001).eax == ((4u << 16) | 17));
    CHECK(ask(0x4000'0002).eax == 1);
    CHECK(ask(0x4000'0002).ebx == 0x4000'0000);
    CHECK(ask(0x4000'0003, 0).ecx == 2'600'000);
    CHECK(ask(0x4000'0003, 1).ecx == 0xabcd'ef01);
    CHECK(ask(0x4000'0003, 1).edx == 0xffff'ffff);
    CHECK(ask(0x4000'0003, 2).eax == 2'600'000);
    const CpuidResult hvm = ask(0x4000'0004, 0, 0, 5);
    CHECK(hvm.eax == XEN_HVM_CPUID_VCPU_ID_PRESENT);
    CHECK(hvm.ebx == 5);
    for (const std::uint32_t leaf : {0x4000'0005u, 0x4000'0100u, 0x4000'ff00u}) {
        CHECK((ask(leaf).eax | ask(leaf).ebx) == 0);
    }
}
