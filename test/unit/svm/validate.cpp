// SPDX-License-Identifier: Apache-2.0
// What vcpu_commit refuses and what it must take.
// REQ-SVM-001
#include "arch/x86_64/svm/validate.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <vector>

namespace bulkhead::kernel::svm {
namespace {

constexpr GuestLimits limits{
    .cr4 = 0x3607ff, .efer = 0x4d01, .dr7 = 0xffff'ffff, .physical_bits = 40, .virtual_bits = 48};

constexpr Segment code32{0x08, 0xc9b, 0xffff'ffff, 0};
constexpr Segment code64{0x08, 0xa9b, 0xffff'ffff, 0};
constexpr Segment data{0x10, 0xc93, 0xffff'ffff, 0};

VcpuState base_state() {
    VcpuState s{};
    s.rflags = 2;
    s.cs = code32;
    s.ds = s.es = s.ss = s.fs = s.gs = data;
    s.tr = {0, 0x8b, 0x67, 0};
    s.gdtr.limit = s.idtr.limit = 0xffff;
    s.dr6 = 0xffff'0ff0;
    s.dr7 = 0x400;
    s.pat = 0x0007'0406'0007'0406;
    return s;
}
VcpuState real_mode() {
    VcpuState s = base_state();
    s.cs = {0xf000, 0x9b, 0xffff, 0xf'0000};
    s.ds = s.es = s.ss = s.fs = s.gs = {0, 0x93, 0xffff, 0};
    s.cr0 = 0x10;
    return s;
}
VcpuState unpaged() {
    VcpuState s = base_state();
    s.cr0 = 0x11;
    return s;
}
VcpuState legacy_paging() {
    VcpuState s = unpaged();
    s.cr0 = 0x8000'0011;
    s.cr3 = 0x1000;
    s.cr4 = 0x10;
    return s;
}
VcpuState pae() {
    VcpuState s = legacy_paging();
    s.cr4 = 0x20;
    return s;
}
VcpuState long_mode() {
    VcpuState s = pae();
    s.efer = 0xd01;
    s.cs = code64;
    s.lstar = 0xffff'ffff'8100'0000;
    s.gs.base = 0xffff'8880'0000'0000;
    return s;
}

bool all_valid(const VcpuState& s) {
    return valid_state(s, VcpuGroups::all, limits);
}

TEST_CASE("every mode a guest can be in is accepted", "[svm][validate]") {
    CHECK(all_valid(real_mode()));
    CHECK(all_valid(unpaged()));
    CHECK(all_valid(legacy_paging()));
    CHECK(all_valid(pae()));
    CHECK(all_valid(long_mode()));
    VcpuState compatibility = long_mode();
    compatibility.cs = code32;
    CHECK(all_valid(compatibility));
    VcpuState before_paging = unpaged(); // LME first, then PG
    before_paging.efer = 0x100;
    CHECK(all_valid(before_paging));
    VcpuState reset = real_mode();
    reset.cr0 = 0x6000'0010;
    CHECK(all_valid(reset));
    VcpuState null_segments = long_mode();
    null_segments.ds = null_segments.es = null_segments.ldtr = {};
    CHECK(all_valid(null_segments));
}

TEST_CASE("what no guest may have is refused, in its group only", "[svm][validate]") {
    struct Bad {
        VcpuGroups group;
        std::function<void(VcpuState&)> spoil;
    };
    constexpr std::uint64_t hole = 0x0000'8000'0000'0000;
    const std::vector<Bad> cases{
        {VcpuGroups::ip, [](auto& s) { s.rflags |= 1u << 3; }},
        {VcpuGroups::ip, [](auto& s) { s.rflags |= 1u << 15; }},
        {VcpuGroups::ip, [](auto& s) { s.rflags |= 1u << 22; }},
        {VcpuGroups::ip, [](auto& s) { s.rflags |= std::uint64_t{1} << 63; }},
        {VcpuGroups::ip, [](auto& s) { s.interrupt_shadow = 2; }},
        {VcpuGroups::mode, [](auto& s) { s.cr0 |= std::uint64_t{1} << 32; }},
        {VcpuGroups::mode, [](auto& s) { s.cr0 |= 1u << 29; }},             // NW without CD
        {VcpuGroups::mode, [](auto& s) { s.cr0 &= ~std::uint64_t{1}; }},    // PG without PE
        {VcpuGroups::mode, [](auto& s) { s.cr4 &= ~std::uint64_t{0x20}; }}, // long mode without PAE
        {VcpuGroups::mode, [](auto& s) { s.cr4 |= 1u << 15; }},             // reserved
        {VcpuGroups::mode, [](auto& s) { s.cr4 |= 1u << 23; }},             // not this CPU's
        {VcpuGroups::mode, [](auto& s) { s.cr4 |= std::uint64_t{1} << 32; }},
        {VcpuGroups::mode, [](auto& s) { s.efer |= 1u << 12; }}, // SVME
        {VcpuGroups::mode, [](auto& s) { s.efer |= 1u << 1; }},
        {VcpuGroups::mode, [](auto& s) { s.cr3 = std::uint64_t{1} << 40; }},
        {VcpuGroups::mode, [](auto& s) { s.cs.access |= 0x600; }}, // L and D
        {VcpuGroups::mode, [](auto& s) { s.cs.access |= 0x1000; }},
        {VcpuGroups::mode, [](auto& s) { s.cpl = 4; }},
        {VcpuGroups::segments, [](auto& s) { s.ss.access |= 0x8000; }},
        {VcpuGroups::segments, [](auto& s) { s.fs.base = hole; }},
        {VcpuGroups::segments, [](auto& s) { s.gs.base = hole; }},
        {VcpuGroups::segments, [](auto& s) { s.tr.base = hole; }},
        {VcpuGroups::segments, [](auto& s) { s.ldtr.base = hole; }},
        {VcpuGroups::tables, [](auto& s) { s.gdtr.limit = 0x1'0000; }},
        {VcpuGroups::tables, [](auto& s) { s.idtr.base = hole; }},
        {VcpuGroups::debug, [](auto& s) { s.dr6 |= std::uint64_t{1} << 32; }},
        {VcpuGroups::debug, [](auto& s) { s.dr7 |= std::uint64_t{1} << 32; }},
        {VcpuGroups::system_msrs, [](auto& s) { s.lstar = hole; }},
        {VcpuGroups::system_msrs, [](auto& s) { s.cstar = hole; }},
        {VcpuGroups::system_msrs, [](auto& s) { s.kernel_gs_base = hole; }},
        {VcpuGroups::system_msrs, [](auto& s) { s.sysenter_esp = hole; }},
        {VcpuGroups::system_msrs, [](auto& s) { s.sysenter_eip = ~hole; }},
        {VcpuGroups::pat, [](auto& s) { s.pat = 2; }},
        {VcpuGroups::pat, [](auto& s) { s.pat = std::uint64_t{8} << 56; }},
        {VcpuGroups::tsc, [](auto& s) { s.tsc_aux = std::uint64_t{1} << 32; }},
        {VcpuGroups::event, [](auto& s) { s.inject = event_valid | (1u << 8); }}, // reserved type
        {VcpuGroups::event, [](auto& s) { s.inject = event_valid | (5u << 8); }},
        {VcpuGroups::event, [](auto& s) { s.inject = event_valid | (3u << 8) | 2; }}, // NMI is no exception
        {VcpuGroups::event, [](auto& s) { s.inject = event_valid | (3u << 8) | 32; }},
        {VcpuGroups::event, [](auto& s) { s.inject = event_valid | (1u << 12); }},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        CAPTURE(i);
        VcpuState s = long_mode();
        cases[i].spoil(s);
        CHECK_FALSE(valid_state(s, cases[i].group, limits));
        CHECK_FALSE(all_valid(s));
        const auto others = static_cast<VcpuGroups>(static_cast<std::uint64_t>(VcpuGroups::all) &
                                                    ~static_cast<std::uint64_t>(cases[i].group));
        CHECK(valid_state(s, others, limits)); // what is not taken is not looked at
    }
}

TEST_CASE("breakpoints only where #VMEXIT takes them down (REQ-GUEST-012)", "[svm][validate]") {
    VcpuState s = long_mode();
    s.dr7 = 0x7ff;
    CHECK(all_valid(s));
    GuestLimits untrusted = limits;
    untrusted.dr7 = 0xffff'ff00;
    CHECK_FALSE(valid_state(s, VcpuGroups::debug, untrusted));
    s.dr7 = 0x400;
    CHECK(valid_state(s, VcpuGroups::debug, untrusted));
}

TEST_CASE("events", "[svm][validate]") {
    CHECK(valid_event(0));
    CHECK(valid_event(0x7fff'ffff)); // not valid: ignored
    CHECK(valid_event(make_exception(14, 7)));
    CHECK(valid_event(make_interrupt(0xf3)));
    CHECK(valid_event(event_valid | (2u << 8) | 2));    // NMI
    CHECK(valid_event(event_valid | (4u << 8) | 0x80)); // INT n
}

TEST_CASE("canonical addresses", "[svm][validate]") {
    CHECK(canonical(0x0000'7fff'ffff'ffff, limits));
    CHECK(canonical(0xffff'8000'0000'0000, limits));
    CHECK_FALSE(canonical(0x0000'8000'0000'0000, limits));
    CHECK_FALSE(canonical(0xffff'7fff'ffff'ffff, limits));
    GuestLimits wide = limits;
    wide.virtual_bits = 57;
    CHECK(canonical(0x0000'8000'0000'0000, wide));
    CHECK_FALSE(canonical(0x0100'0000'0000'0000, wide));
}

} // namespace
} // namespace bulkhead::kernel::svm
