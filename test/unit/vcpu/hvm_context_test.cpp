// SPDX-License-Identifier: Apache-2.0
// vcpu_hvm_context: what starts in each mode, and every refusal, field by field.
// REQ-SMP-002
#include <functional>

#include <catch2/catch.hpp>

#include <bulkhead/xen.hpp>

#include <xen/hvm/hvm_vcpu.h>

#include <guest_vcpu.layout.hpp>

#include "hvm_context.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using test::Machine;

namespace {

using Context = vcpu_hvm_context;
using Error = ContextError;
constexpr ContextLimits limits{0x7507ff, true, 40};

Context flat32() {
    Context c{};
    c.mode = VCPU_HVM_MODE_32B;
    auto& r = c.cpu_regs.x86_32;
    r.eax = 1;
    r.ecx = 2;
    r.edx = 3;
    r.ebx = 4;
    r.esp = 5;
    r.ebp = 6;
    r.esi = 7;
    r.edi = 8;
    r.eip = 0x10'0000;
    r.cr0 = 0x11;
    r.cs_limit = r.ds_limit = r.ss_limit = r.es_limit = 0xffff'ffff;
    r.cs_ar = 0xc9b;
    r.ds_ar = r.ss_ar = r.es_ar = 0xc93;
    r.tr_ar = 0x8b;
    r.tr_limit = 0x67;
    return c;
}
Context real16() {
    Context c = flat32();
    auto& r = c.cpu_regs.x86_32;
    r.cr0 = 0x10;
    r.eip = 0;
    r.cs_base = 0x9'9000;
    r.ss_base = 0x123'0000; // beyond what a selector reaches
    r.cs_limit = r.ds_limit = r.ss_limit = r.es_limit = r.tr_limit = 0xffff;
    r.cs_ar = 0x9b;
    r.ds_ar = r.ss_ar = r.es_ar = 0x93;
    return c;
}
Context long64() {
    Context c{};
    c.mode = VCPU_HVM_MODE_64B;
    auto& r = c.cpu_regs.x86_64;
    r.rax = 1;
    r.rdi = 8;
    r.rip = 0xffff'8000'0000'1000;
    r.cr0 = 0x8000'0011;
    r.cr3 = 0x1000;
    r.cr4 = 0x20;
    r.efer = 0x900;
    return c;
}

/// As the edge reads it.
bulkhead_guest_VcpuHvmContext message(const Context& c) {
    using Layout = guest::LayoutsOf<bulkhead_guest_VcpuHvmContext>::Wide;
    static_assert(sizeof(Layout) == sizeof c);
    Layout layout;
    __builtin_memcpy(&layout, &c, sizeof c);
    bulkhead_guest_VcpuHvmContext m;
    widen(layout, m);
    return m;
}

Error check(const Context& c, VcpuState* out = nullptr) {
    VcpuState state{};
    state.rip = 0x5a5a;
    const Error error = read_hvm_context(message(c), limits, state);
    if (error != Error::none) {
        CHECK(state.rip == 0x5a5a); // nothing has changed
    }
    if (out != nullptr) {
        *out = state;
    }
    return error;
}

struct Refusal {
    const char* what;
    Error error;
    std::function<void(Context&)> spoil;
};

} // namespace

TEST_CASE("32-bit mode: the registers are the context's, FS and GS cannot be used") {
    VcpuState s{};
    REQUIRE(check(flat32(), &s) == Error::none);
    for (std::uint32_t i = 0; i < 8; ++i) {
        constexpr std::uint32_t order[] = {1, 2, 3, 4, 5, 6, 7, 8}; // eax ecx edx ebx esp ebp esi edi
        CHECK(s.gpr[i] == order[i]);
    }
    CHECK(s.rip == 0x10'0000);
    CHECK(s.rflags == 2);
    CHECK(s.cs.access == 0xc9b);
    CHECK(s.cs.selector == 0);
    CHECK(s.tr.limit == 0x67);
    CHECK((s.fs.access & 0x80) == 0);
    CHECK(s.cpl == 0);
    CHECK(s.dr7 == 0x400);
}

TEST_CASE("16-bit mode: selectors follow the bases, FS and GS are real-mode segments") {
    VcpuState s{};
    REQUIRE(check(real16(), &s) == Error::none);
    CHECK(s.cs.selector == 0x9900);
    CHECK(s.cs.base == 0x9'9000);
    CHECK(s.ss.selector == 0);
    CHECK(s.ss.base == 0x123'0000);
    CHECK(s.fs.access == 0x93);
    CHECK(s.fs.limit == 0xffff);
}

TEST_CASE("64-bit mode: the segments of long mode, LMA comes by itself") {
    VcpuState s{};
    REQUIRE(check(long64(), &s) == Error::none);
    CHECK(s.efer == 0xd00);
    CHECK(s.cs.access == 0xa9b);
    CHECK(s.ss.access == 0xc93);
    CHECK(s.tr.access == 0x8b);
    CHECK(s.gpr[static_cast<std::uint32_t>(Gpr::rdi)] == 8);
}

TEST_CASE("compatibility mode by the 32-bit structure, and level 3") {
    Context c = flat32();
    auto& r = c.cpu_regs.x86_32;
    r.cr0 = 0x8000'0011;
    r.cr4 = 0x20;
    r.efer = 0xd00;
    VcpuState s{};
    REQUIRE(check(c, &s) == Error::none);
    CHECK(s.efer == 0xd00);

    c = flat32();
    c.cpu_regs.x86_32.cs_ar = 0xcfb;
    c.cpu_regs.x86_32.ss_ar = c.cpu_regs.x86_32.ds_ar = c.cpu_regs.x86_32.es_ar = 0xcf3;
    REQUIRE(check(c, &s) == Error::none);
    CHECK(s.cpl == 3);
    c.cpu_regs.x86_32.ds_ar = c.cpu_regs.x86_32.es_ar = 0; // null selectors
    CHECK(check(c) == Error::none);
}

TEST_CASE("every refusal of the 32-bit structure") {
    const auto& r32 = [](Context& c) -> vcpu_hvm_x86_32& { return c.cpu_regs.x86_32; };
    const Refusal refusals[] = {
        {"mode", Error::mode, [](Context& c) { c.mode = 2; }},
        {"pad", Error::padding, [](Context& c) { c.pad = 1; }},
        {"pad1", Error::padding, [&](Context& c) { r32(c).pad1 = 1; }},
        {"pad2[0]", Error::padding, [&](Context& c) { r32(c).pad2[0] = 1; }},
        {"pad2[1]", Error::padding, [&](Context& c) { r32(c).pad2[1] = 1; }},
        {"pad2[2]", Error::padding, [&](Context& c) { r32(c).pad2[2] = 1; }},
        {"cs_ar unused", Error::segment_reserved, [&](Context& c) { r32(c).cs_ar |= 0x1000; }},
        {"ss_ar unused", Error::segment_reserved, [&](Context& c) { r32(c).ss_ar |= 0x2000; }},
        {"ds_ar unused", Error::segment_reserved, [&](Context& c) { r32(c).ds_ar |= 0x4000; }},
        {"es_ar unused", Error::segment_reserved, [&](Context& c) { r32(c).es_ar |= 0x8000; }},
        {"tr_ar unused", Error::segment_reserved, [&](Context& c) { r32(c).tr_ar |= 0x1000; }},
        {"cs null", Error::segment_null, [&](Context& c) { r32(c).cs_ar = 0; }},
        {"ss null", Error::segment_null, [&](Context& c) { r32(c).ss_ar = 0; }},
        {"tr null", Error::segment_null, [&](Context& c) { r32(c).tr_ar = 0; }},
        {"cs not present", Error::segment_not_present, [&](Context& c) { r32(c).cs_ar = 0xc1b; }},
        {"ss not present", Error::segment_not_present, [&](Context& c) { r32(c).ss_ar = 0xc13; }},
        {"ds not present", Error::segment_not_present, [&](Context& c) { r32(c).ds_ar = 0xc13; }},
        {"es not present", Error::segment_not_present, [&](Context& c) { r32(c).es_ar = 0xc13; }},
        {"tr not present", Error::segment_not_present, [&](Context& c) { r32(c).tr_ar = 0xb; }},
        {"cs system", Error::segment_system, [&](Context& c) { r32(c).cs_ar = 0xc8b; }},
        {"ds system", Error::segment_system, [&](Context& c) { r32(c).ds_ar = 0xc83; }},
        {"cs is data", Error::segment_code, [&](Context& c) { r32(c).cs_ar = 0xc93; }},
        {"ss is code", Error::segment_stack, [&](Context& c) { r32(c).ss_ar = 0xc9b; }},
        {"ss read-only", Error::segment_stack, [&](Context& c) { r32(c).ss_ar = 0xc91; }},
        {"ds unreadable code", Error::segment_data, [&](Context& c) { r32(c).ds_ar = 0xc99; }},
        {"es unreadable code", Error::segment_data, [&](Context& c) { r32(c).es_ar = 0xc99; }},
        {"cs G without ones", Error::segment_limit, [&](Context& c) { r32(c).cs_limit = 0xffff'f000; }},
        {"ss too long without G", Error::segment_limit, [&](Context& c) { r32(c).ss_ar = 0x493; }},
        {"ds too long without G", Error::segment_limit, [&](Context& c) { r32(c).ds_ar = 0x493; }},
        {"es too long without G", Error::segment_limit, [&](Context& c) { r32(c).es_ar = 0x493; }},
        {"tr too long without G", Error::segment_limit, [&](Context& c) { r32(c).tr_limit = 0x10'0000; }},
        {"cs L and D", Error::segment_width, [&](Context& c) { r32(c).cs_ar |= 0x200; }},
        {"tr 16-bit", Error::task_segment, [&](Context& c) { r32(c).tr_ar = 0x83; }},
        {"tr available", Error::task_segment, [&](Context& c) { r32(c).tr_ar = 0x89; }},
        {"tr data", Error::task_segment, [&](Context& c) { r32(c).tr_ar = 0x9b; }},
        {"cs less privileged than ss", Error::privilege, [&](Context& c) { r32(c).cs_ar = 0xcfb; }},
        {"ss less privileged than cs", Error::privilege,
         [&](Context& c) { r32(c).ss_ar = r32(c).ds_ar = r32(c).es_ar = 0xcf3; }},
        {"ds more privileged than the code", Error::privilege,
         [&](Context& c) {
             r32(c).cs_ar = 0xcfb;
             r32(c).ss_ar = r32(c).es_ar = 0xcf3;
         }},
        {"eip beyond cs", Error::instruction_pointer,
         [&](Context& c) {
             r32(c).cs_limit = 0xffff;
             r32(c).cs_ar = 0x49b;
         }},
        {"eflags reserved", Error::flags, [&](Context& c) { r32(c).eflags = 0x8; }},
        {"eflags VM", Error::flags, [&](Context& c) { r32(c).eflags = 1u << 17; }},
        {"cr0 PG without PE", Error::cr0,
         [&](Context& c) {
             c = real16();
             r32(c).cr0 = 0x8000'0010;
         }},
        {"cr0 NW without CD", Error::cr0, [&](Context& c) { r32(c).cr0 |= 1u << 29; }},
        {"cr4 unknown", Error::cr4, [&](Context& c) { r32(c).cr4 = 1u << 13; }},
        {"long mode without PAE", Error::cr4,
         [&](Context& c) {
             r32(c).cr0 = 0x8000'0011;
             r32(c).efer = 0x100;
         }},
        {"efer unknown", Error::efer, [&](Context& c) { r32(c).efer = 1u << 12; }},
        {"efer LMA without LME", Error::efer, [&](Context& c) { r32(c).efer = 0x400; }},
        {"efer LMA without paging", Error::efer, [&](Context& c) { r32(c).efer = 0x500; }},
        {"real mode at level 3", Error::privilege,
         [&](Context& c) {
             c = real16();
             r32(c).cs_ar = 0xfb;
             r32(c).ss_ar = r32(c).ds_ar = r32(c).es_ar = 0xf3;
         }},
    };
    for (const Refusal& refusal : refusals) {
        INFO(refusal.what);
        Context c = flat32();
        refusal.spoil(c);
        CHECK(check(c) == refusal.error);
    }
}

TEST_CASE("every refusal of the 64-bit structure") {
    const auto& r64 = [](Context& c) -> vcpu_hvm_x86_64& { return c.cpu_regs.x86_64; };
    const Refusal refusals[] = {
        {"pad", Error::padding, [](Context& c) { c.pad = 7; }},
        {"rip", Error::instruction_pointer, [&](Context& c) { r64(c).rip = 0x8000'0000'0000; }},
        {"rflags reserved", Error::flags, [&](Context& c) { r64(c).rflags = std::uint64_t{1} << 32; }},
        {"rflags VM", Error::flags, [&](Context& c) { r64(c).rflags = 1u << 17; }},
        {"cr0 without paging", Error::cr0, [&](Context& c) { r64(c).cr0 = 0x11; }},
        {"cr0 without protection", Error::cr0, [&](Context& c) { r64(c).cr0 = 0x8000'0010; }},
        {"cr0 high half", Error::cr0, [&](Context& c) { r64(c).cr0 |= std::uint64_t{1} << 32; }},
        {"cr3 beyond memory", Error::cr3, [&](Context& c) { r64(c).cr3 = std::uint64_t{1} << 40; }},
        {"cr4 without PAE", Error::cr4, [&](Context& c) { r64(c).cr4 = 0; }},
        {"cr4 unknown", Error::cr4, [&](Context& c) { r64(c).cr4 |= std::uint64_t{1} << 40; }},
        {"efer without LME", Error::efer, [&](Context& c) { r64(c).efer = 0x800; }},
        {"efer unknown", Error::efer, [&](Context& c) { r64(c).efer |= 1u << 12; }},
    };
    for (const Refusal& refusal : refusals) {
        INFO(refusal.what);
        Context c = long64();
        refusal.spoil(c);
        CHECK(check(c) == refusal.error);
    }
    VcpuState state{};
    CHECK(read_hvm_context(message(long64()), {limits.cr4, false, limits.physical_bits}, state) ==
          Error::efer); // NXE without NX
}

TEST_CASE("VCPUOP_initialise: which error comes first, and that up starts it") {
    Machine m{true, 2};
    m.d().holder = &m.v();
    m.enter_long_mode();
    const auto initialise = [&](std::uint64_t vcpu, const Context& c) {
        m.store(test::scratch, c);
        return m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, vcpu, test::scratch);
    };
    Context bad = long64();
    bad.pad = 1;
    CHECK(initialise(2, long64()) == -XEN_ENOENT);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, test::unmapped) == -XEN_EFAULT);
    CHECK(initialise(0, bad) == -XEN_EEXIST);
    CHECK(initialise(1, bad) == -XEN_EINVAL);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 1) == -XEN_EINVAL);
    CHECK(initialise(1, flat32()) == 0);
    CHECK(initialise(1, flat32()) == -XEN_EEXIST);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1) == 0);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 1) == 0);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1) == 1);
    apply_power(m.d(), m.v(1));
    CHECK(m.state(1).rip == 0x10'0000);
    CHECK(m.state(1).cs.access == 0xc9b);
}
