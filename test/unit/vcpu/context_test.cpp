// SPDX-License-Identifier: Apache-2.0
// The neutral vCPU context: conversions without loss, and what survives of a message that is newer than its reader.
// REQ-SMP-008, REQ-SMP-009
#include <cstring>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include <bulkhead/message.hpp>

#include "context.hpp"
#include "hidden_segment.hpp"
#include "power.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;

namespace {

VcpuState random_state(std::mt19937_64& random) {
    VcpuState s{};
    for (auto& reg : s.gpr) {
        reg = random();
    }
    for (std::uint64_t* reg :
         {&s.rip, &s.rflags, &s.cr0, &s.cr2, &s.cr3, &s.cr4, &s.efer, &s.dr6, &s.dr7, &s.star, &s.lstar, &s.cstar,
          &s.sfmask, &s.kernel_gs_base, &s.sysenter_cs, &s.sysenter_esp, &s.sysenter_eip, &s.pat, &s.tsc_aux}) {
        *reg = random();
    }
    for (Segment* segment : {&s.es, &s.cs, &s.ss, &s.ds, &s.fs, &s.gs, &s.ldtr, &s.tr}) {
        *segment = {static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random() & 0xfff),
                    static_cast<std::uint32_t>(random()), random()};
    }
    for (Segment* table : {&s.gdtr, &s.idtr}) {
        *table = {0, 0, static_cast<std::uint32_t>(random() & 0xffff), random()};
    }
    s.cpl = random() & 3;
    s.interrupt_shadow = random() & 1;
    return s;
}

std::vector<std::uint8_t> saved(const SavedContext& context) {
    std::vector<std::uint8_t> bytes(4096);
    const auto length = save_context(context, bytes);
    REQUIRE(length.ok());
    bytes.resize(*length);
    return bytes;
}

/// A field of a newer schema.
void append(std::vector<std::uint8_t>& bytes, std::initializer_list<std::uint8_t> field) {
    bytes.insert(bytes.end(), field);
}

} // namespace

TEST_CASE("registers to context, to bytes and back, bit by bit") {
    std::mt19937_64 random{20260101};
    for (int i = 0; i < 300; ++i) {
        const VcpuState before = random_state(random);
        SavedContext out;
        out.known = to_context(before);
        SavedContext in;
        REQUIRE(load_context(saved(out), in) == Status::ok);
        CHECK(in.unknown_bytes == 0);
        VcpuState after{};
        REQUIRE(to_state(in.known, after));
        CHECK(std::memcmp(&before, &after, sizeof before) == 0);
    }
}

TEST_CASE("an empty context is a processor after INIT") {
    SavedContext in;
    REQUIRE(load_context({}, in) == Status::ok);
    VcpuState state{};
    REQUIRE(to_state(in.known, state));
    VcpuState reset{};
    set_startup_state(reset, 0, 0);
    CHECK(std::memcmp(&state, &reset, sizeof state) == 0);
    CHECK(state.rflags == 2);
    CHECK(state.cs.access == 0x9b);
    CHECK(state.pat == 0x0007'0406'0007'0406);

    bulkhead_VcpuContext context{};
    context.has_ss_access = true;
    context.ss_access = 0xcf3;
    REQUIRE(to_state(context, state));
    CHECK(state.cpl == 3); // absent: the stack's level
}

TEST_CASE("what a newer writer put in survives, wherever it stands and whatever it is") {
    std::mt19937_64 random{7};
    SavedContext out;
    out.known = to_context(random_state(random));
    const std::vector<std::uint8_t> known = saved(out);
    std::vector<std::uint8_t> newer;
    append(newer, {0xa0, 0x06, 0x96, 0x01});               // field 100: varint 150
    append(newer, {0xaa, 0x06, 0x03, 'c', 'b', '1'});      // field 101: bytes
    newer.insert(newer.end(), known.begin(), known.end()); // the known ones between
    append(newer, {0xb1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8});   // field 102: 64 bits
    append(newer, {0xbd, 0x06, 9, 8, 7, 6});               // field 103: 32 bits
    append(newer, {0xa0, 0x06, 0x05});                     // field 100 again
    SavedContext in;
    REQUIRE(load_context(newer, in) == Status::ok);
    const std::vector<std::uint8_t> again = saved(in);
    CHECK(again.size() == newer.size()); // reordered, nothing lost
    SavedContext twice;
    REQUIRE(load_context(again, twice) == Status::ok);
    CHECK(twice.unknown_bytes == newer.size() - known.size());
    CHECK(std::memcmp(twice.unknown, in.unknown, in.unknown_bytes) == 0);
    CHECK(saved(twice) == again);
    VcpuState a{};
    VcpuState b{};
    REQUIRE(to_state(out.known, a));
    REQUIRE(to_state(twice.known, b));
    CHECK(std::memcmp(&a, &b, sizeof a) == 0);
}

TEST_CASE("contexts that are refused") {
    std::mt19937_64 random{9};
    SavedContext out;
    out.known = to_context(random_state(random));
    std::vector<std::uint8_t> bytes = saved(out);
    SavedContext in;
    bytes.pop_back(); // cut short
    CHECK(load_context(bytes, in) == Status::bad_argument);
    CHECK(load_context(std::vector<std::uint8_t>{0xa0, 0x06}, in) == Status::bad_argument);
    CHECK(load_context(std::vector<std::uint8_t>{0xa3, 0x06}, in) == Status::bad_argument); // a group

    std::vector<std::uint8_t> much{0xaa, 0x06, 0x80, 0x08}; // 1024 bytes that nobody knows
    much.resize(much.size() + 1024);
    CHECK(load_context(much, in) == Status::out_of_range);

    const auto refuses = [](auto&& spoil) {
        bulkhead_VcpuContext context{};
        spoil(context);
        VcpuState state{};
        state.rip = 77;
        return !to_state(context, state) && state.rip == 77;
    };
    CHECK(refuses([](auto& c) { c.has_cs_access = true, c.cs_access = 0x1000; }));
    CHECK(refuses([](auto& c) { c.has_tr_access = true, c.tr_access = 0x1'0000; }));
    CHECK(refuses([](auto& c) { c.has_gs_selector = true, c.gs_selector = 0x1'0000; }));
    CHECK(refuses([](auto& c) { c.has_cpl = true, c.cpl = 4; }));
    CHECK(refuses([](auto& c) { c.has_interrupt_shadow = true, c.interrupt_shadow = 2; }));
    CHECK(refuses([](auto& c) { c.has_gdtr_limit = true, c.gdtr_limit = 0x1'0000; }));

    std::uint8_t small[16];
    CHECK(save_context(out, small).status() == Status::out_of_range);
    out.unknown_bytes = SavedContext::max_unknown;
    std::vector<std::uint8_t> exact(saved(SavedContext{}).size() + 1000);
    CHECK(save_context(out, exact).status() == Status::out_of_range);
}

TEST_CASE("hidden segment parts: every combination of attributes, to SVM and VMX and back") {
    for (std::uint32_t access = 0; access < 0x1000; ++access) {
        const Segment s{0x1234, static_cast<std::uint16_t>(access), 0xfff'ffff, 0xffff'8000'1234'5000};
        const SvmSegment svm = to_svm(s);
        CHECK(svm.attributes == access);
        const Segment by_svm = from_svm(svm);
        CHECK(std::memcmp(&by_svm, &s, sizeof s) == 0);

        const VmxSegment vmx = to_vmx(s);
        CHECK(((vmx.access_rights & VmxSegment::unusable) != 0) == ((access & 0x80) == 0));
        CHECK((vmx.access_rights & 0xf00) == 0); // reserved there
        const Segment by_vmx = from_vmx(vmx);
        CHECK(std::memcmp(&by_vmx, &s, sizeof s) == 0);
    }
    // The manual's own examples: a flat 64-bit code segment, a busy TSS, an unusable register.
    CHECK(to_vmx({8, 0xa9b, 0xffff'ffff, 0}).access_rights == 0xa09b);
    CHECK(to_vmx({0, 0x8b, 0x67, 0}).access_rights == 0x8b);
    CHECK(to_vmx({0, 0, 0, 0}).access_rights == 0x1'0000);
    CHECK((from_vmx({0, 0, 0x1'0093, 0}).access & 0x80) == 0); // unusable, whatever P says
}
