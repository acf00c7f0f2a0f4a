// SPDX-License-Identifier: Apache-2.0
// The table of guest state, for every mask of groups.
// REQ-SVM-001
#include "arch/x86_64/svm/fields.hpp"

#include "arch/x86_64/svm/clean_check.hpp"
#include "bytes.hpp"

#include <catch2/catch.hpp>
#include <memory>

namespace bulkhead::kernel::svm {
namespace {

using namespace bulkhead::test;

constexpr unsigned masks = static_cast<unsigned>(VcpuGroups::all) + 1;
constexpr unsigned group_count = 9;
constexpr VcpuGroups group(unsigned n) {
    return static_cast<VcpuGroups>(1u << n);
}

/// Random state that a CPU could have left: what the transformations take for granted holds.
void randomise_guest(Vmcb& vmcb, std::mt19937& random) {
    randomise(vmcb, random);
    vmcb.set(&VmcbSave::efer, vmcb.get(&VmcbSave::efer) | efer_svme);
    vmcb.set(&VmcbSave::rflags, vmcb.get(&VmcbSave::rflags) | 2);
    vmcb.set(&VmcbControl::interrupt_shadow, random() & 1);
    const Segment gdtr = vmcb.get(&VmcbSave::gdtr);
    const Segment idtr = vmcb.get(&VmcbSave::idtr);
    vmcb.set(&VmcbSave::gdtr, Segment{0, 0, gdtr.limit, gdtr.base});
    vmcb.set(&VmcbSave::idtr, Segment{0, 0, idtr.limit, idtr.base});
    vmcb.mark_clean();
}

/// VMCB bytes that committing these groups can change.
std::set<std::size_t> committed_bytes(VcpuGroups groups) {
    const auto before = std::make_unique<Vmcb>();
    const auto after = std::make_unique<Vmcb>();
    fill(*before, 0);
    fill(*after, 0);
    VcpuState state;
    fill(state, 0xff);
    StateTable::commit(state, *after, groups);
    return differences(*before, *after);
}

/// State-page bytes that exposing these groups can change.
std::set<std::size_t> exposed_bytes(VcpuGroups groups) {
    const auto vmcb = std::make_unique<Vmcb>();
    fill(*vmcb, 0xff);
    VcpuState before;
    VcpuState after;
    fill(before, 0);
    fill(after, 0);
    StateTable::expose(*vmcb, after, groups);
    return differences(before, after);
}

TEST_CASE("commit after expose changes nothing, for every mask (REQ-GUEST-012)", "[svm][fields]") {
    std::mt19937 random{1};
    const auto vmcb = std::make_unique<Vmcb>();
    for (unsigned mask = 0; mask < masks; ++mask) {
        randomise_guest(*vmcb, random);
        VcpuState state;
        randomise(state, random);
        const auto groups = static_cast<VcpuGroups>(mask);
        state.tsc_offset = vmcb->get(&VmcbControl::tsc_offset); // goes one way only
        const auto before = bytes_of(*vmcb);
        StateTable::expose(*vmcb, state, groups);
        StateTable::commit(state, *vmcb, groups);
        REQUIRE(bytes_of(*vmcb) == before); // clean bits too
    }
}

TEST_CASE("expose after commit changes nothing in the page", "[svm][fields]") {
    std::mt19937 random{2};
    const auto vmcb = std::make_unique<Vmcb>();
    for (unsigned mask = 0; mask < masks; ++mask) {
        VcpuState state;
        randomise(state, random);
        state.efer &= ~efer_svme;
        state.rflags |= 2;
        state.interrupt_shadow &= 1;
        state.cpl &= 3;
        state.gdtr.selector = state.gdtr.access = state.idtr.selector = state.idtr.access = 0;
        const auto before = bytes_of(state);
        StateTable::commit(state, *vmcb, static_cast<VcpuGroups>(mask));
        StateTable::expose(*vmcb, state, static_cast<VcpuGroups>(mask));
        REQUIRE(bytes_of(state) == before);
    }
}

TEST_CASE("what is outside the mask is not touched", "[svm][fields]") {
    std::set<std::size_t> vmcb_bytes[group_count];
    std::set<std::size_t> state_bytes[group_count];
    for (unsigned g = 0; g < group_count; ++g) {
        vmcb_bytes[g] = committed_bytes(group(g));
        state_bytes[g] = exposed_bytes(group(g));
        for (unsigned other = 0; other < g; ++other) {
            for (const std::size_t at : vmcb_bytes[g]) {
                REQUIRE_FALSE(vmcb_bytes[other].contains(at));
            }
            for (const std::size_t at : state_bytes[g]) {
                REQUIRE_FALSE(state_bytes[other].contains(at));
            }
        }
    }
    for (unsigned mask = 0; mask < masks; ++mask) {
        std::set<std::size_t> vmcb_union;
        std::set<std::size_t> state_union;
        for (unsigned g = 0; g < group_count; ++g) {
            if ((mask & (1u << g)) != 0) {
                vmcb_union.insert(vmcb_bytes[g].begin(), vmcb_bytes[g].end());
                state_union.insert(state_bytes[g].begin(), state_bytes[g].end());
            }
        }
        REQUIRE(committed_bytes(static_cast<VcpuGroups>(mask)) == vmcb_union);
        REQUIRE(exposed_bytes(static_cast<VcpuGroups>(mask)) == state_union);
    }
}

TEST_CASE("fetch copies exactly what commit reads", "[svm][fields]") {
    std::mt19937 random{3};
    for (unsigned mask = 0; mask < masks; ++mask) {
        const auto groups = static_cast<VcpuGroups>(mask);
        VcpuState page;
        VcpuState copy;
        randomise(page, random);
        fill(copy, 0xcc);
        StateTable::fetch(page, copy, groups);
        const auto direct = std::make_unique<Vmcb>();
        const auto fetched = std::make_unique<Vmcb>();
        fill(*direct, 0);
        fill(*fetched, 0);
        StateTable::commit(page, *direct, groups);
        StateTable::commit(copy, *fetched, groups);
        REQUIRE(bytes_of(*direct) == bytes_of(*fetched));
    }
}

TEST_CASE("every byte of the save area is in the table or never exposed (REQ-GUEST-012)", "[svm][fields]") {
    struct Range {
        std::size_t from, to; ///< from 0x400 on
        const char* why;
    };
    constexpr Range never[] = {
        {0x060, 0x064, "GDTR has no selector and no attributes"},
        {0x080, 0x084, "IDTR has no selector and no attributes"},
        {0x0a0, 0x0cb, "reserved"},
        {0x0cc, 0x0d0, "reserved"},
        {0x0d8, 0x148, "reserved, and performance counters that are not virtualized"},
        {0x180, 0x1d8, "reserved"},
        {0x1e0, 0x1f8, "shadow stacks: the MSRs exit, so the guest cannot switch them on"},
        {0x248, 0x268, "reserved"},
        {0x270, 0x298, "last-branch records: not virtualized, the MSRs exit"},
        {0x298, 0x2e0, "reserved"},
        {0x2e0, 0x2e8, "SPEC_CTRL: the MSR exits"},
    };
    std::set<std::size_t> covered;
    for (const std::size_t at : committed_bytes(VcpuGroups::all)) {
        if (at >= 0x400) {
            covered.insert(at - 0x400);
        }
    }
    for (const Range& range : never) {
        for (std::size_t at = range.from; at < range.to; ++at) {
            INFO("save area offset " << at << ": " << range.why);
            REQUIRE(covered.insert(at).second);
        }
    }
    CHECK(covered.size() == sizeof(VmcbSave));
    CHECK(*covered.rbegin() == sizeof(VmcbSave) - 1);
}

TEST_CASE("commit never reaches what the kernel decides", "[svm][fields]") {
    for (const std::size_t at : committed_bytes(VcpuGroups::all)) {
        const bool tsc_offset = at >= 0x050 && at < 0x058;
        const bool shadow = at == 0x068;
        const bool save_area = at >= 0x400;
        CHECK((tsc_offset || shadow || save_area));
    }
    const auto vmcb = std::make_unique<Vmcb>();
    fill(*vmcb, 0);
    VcpuState state;
    fill(state, 0);
    StateTable::commit(state, *vmcb, VcpuGroups::all);
    CHECK(vmcb->get(&VmcbSave::efer) == efer_svme); // whatever the page says
    StateTable::expose(*vmcb, state, VcpuGroups::all);
    CHECK(state.efer == 0);
}

TEST_CASE("commit clears the clean bits of what changes, and no others", "[svm][fields]") {
    std::mt19937 random{4};
    const auto before = std::make_unique<Vmcb>();
    const auto after = std::make_unique<Vmcb>();
    for (unsigned mask = 0; mask < masks; ++mask) {
        randomise_guest(*before, random);
        from_bytes(*after, bytes_of(*before));
        VcpuState state;
        randomise(state, random);
        StateTable::commit(state, *after, static_cast<VcpuGroups>(mask));
        u32 expected = Vmcb::all_clean;
        for (const std::size_t at : differences(*before, *after)) {
            for (const CleanRegion& region : clean_regions) {
                if (at >= region.offset && at < std::size_t{region.offset} + region.bytes) {
                    expected &= ~(1u << static_cast<unsigned>(region.clean));
                }
            }
        }
        REQUIRE(after->get(&VmcbControl::clean_bits) == expected);
    }
}

} // namespace
} // namespace bulkhead::kernel::svm
