// SPDX-License-Identifier: Apache-2.0
// Clean bits: each setter clears the right one, and the check that debug builds make at each entry sees what goes
// around them.
// REQ-SVM-001
#include "arch/x86_64/svm/vmcb.hpp"

#include "arch/x86_64/svm/clean_check.hpp"
#include "bytes.hpp"

#include <catch2/catch.hpp>
#include <memory>

namespace bulkhead::kernel::svm {
namespace {

using namespace bulkhead::test;

template <auto Member> void check_setter(u32 expected_clear, u64 value) {
    const auto vmcb = std::make_unique<Vmcb>();
    fill(*vmcb, 0);
    vmcb->mark_clean();
    vmcb->set(Member, 0);
    CHECK(vmcb->get(&VmcbControl::clean_bits) == Vmcb::all_clean); // nothing changed
    vmcb->set(Member, static_cast<decltype(vmcb->get(Member))>(value));
    CHECK(vmcb->get(Member) == value);
    CHECK(vmcb->get(&VmcbControl::clean_bits) == (Vmcb::all_clean & ~expected_clear));
}

TEST_CASE("control fields and their clean bits", "[svm][vmcb]") {
    check_setter<&VmcbControl::intercept_exceptions>(1u << 0, 1);
    check_setter<&VmcbControl::intercept_misc1>(1u << 0, 1);
    check_setter<&VmcbControl::intercept_misc2>(1u << 0, 1);
    check_setter<&VmcbControl::tsc_offset>(1u << 0, 1);
    check_setter<&VmcbControl::iopm_base>(1u << 1, 0x1000);
    check_setter<&VmcbControl::msrpm_base>(1u << 1, 0x1000);
    check_setter<&VmcbControl::asid>(1u << 2, 7);
    check_setter<&VmcbControl::virtual_interrupt>(1u << 3, 0x100);
    check_setter<&VmcbControl::nested_control>(1u << 4, 1);
    check_setter<&VmcbControl::nested_cr3>(1u << 4, 0x5000);
    check_setter<&VmcbSave::guest_pat>(1u << 4, 6);
    check_setter<&VmcbSave::cr0>(1u << 5, 1);
    check_setter<&VmcbSave::efer>(1u << 5, 1);
    check_setter<&VmcbSave::dr7>(1u << 6, 1);
    check_setter<&VmcbSave::cpl>(1u << 8, 3);
    check_setter<&VmcbSave::cr2>(1u << 9, 1);
    check_setter<&VmcbControl::virtualization_enables>(1u << 10, 1);
    for (const u64 value : {u64{1}, u64{3}}) {
        check_setter<&VmcbControl::tlb_control>(0, value);
        check_setter<&VmcbControl::event_injection>(0, value);
        check_setter<&VmcbSave::rip>(0, value);
        check_setter<&VmcbSave::rax>(0, value);
        check_setter<&VmcbSave::lstar>(0, value);
    }
}

TEST_CASE("the clean check sees a change around the setters", "[svm][vmcb]") {
    const auto vmcb = std::make_unique<Vmcb>();
    const auto shadow = std::make_unique<CleanShadow>();
    std::mt19937 random{5};
    randomise(*vmcb, random);
    vmcb->mark_clean();
    shadow->take(*vmcb);
    CHECK(shadow->violation(*vmcb) == -1);
    const auto original = bytes_of(*vmcb);
    for (const CleanRegion& region : clean_regions) {
        for (const unsigned at : {unsigned{region.offset}, unsigned{region.offset} + region.bytes - 1u}) {
            auto bytes = original;
            bytes[at] = static_cast<u8>(bytes[at] ^ 0x10);
            from_bytes(*vmcb, bytes);
            CHECK(shadow->violation(*vmcb) == static_cast<int>(at));
            vmcb->mark_dirty();
            CHECK(shadow->violation(*vmcb) == -1);
        }
    }
    from_bytes(*vmcb, original);
    vmcb->set(&VmcbSave::cr3, ~vmcb->get(&VmcbSave::cr3));
    vmcb->set(&VmcbSave::rip, 0x1234);
    CHECK(shadow->violation(*vmcb) == -1);
}

} // namespace
} // namespace bulkhead::kernel::svm
