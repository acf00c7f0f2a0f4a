// SPDX-License-Identifier: Apache-2.0
// What becomes of every exit code.
// REQ-SVM-004
#include "arch/x86_64/svm/exits.hpp"

#include <catch2/catch.hpp>
#include <set>

namespace bulkhead::kernel::svm {
namespace {

ExitRecord record(std::uint64_t code) {
    return {.code = code, .info_1 = 0, .info_2 = 0, .rip = 0x1000, .next_rip = 0, .delivering = false};
}

TEST_CASE("every exit code has its meaning", "[svm][exits]") {
    for (std::uint64_t code = 0; code <= 0x500; ++code) {
        CAPTURE(code);
        const ExitPlan plan = plan_exit(record(code));
        if (code >= 0x60 && code <= 0x64) {
            CHECK(plan.handling == Handling::host);
            continue;
        }
        if (code == 0x76 || code == 0x89) {
            CHECK((plan.handling == Handling::skip && plan.length == 2));
            continue;
        }
        if (code == 0x52) {
            CHECK(plan.handling == Handling::machine_check);
            continue;
        }
        if (code >= 0x40 && code < 0x60) {
            CHECK((plan.handling == Handling::reinject && plan.reason == ExitReason::exception));
            CHECK((plan.qualification & 0xff) == code - 0x40);
            continue;
        }
        CHECK(plan.handling == Handling::monitor);
        switch (code) {
        case 0x25:
        case 0x27:
        case 0x35:
        case 0x37:
            CHECK((plan.reason == ExitReason::debug_control && plan.length == 0));
            break;
        case 0x72:
            CHECK((plan.reason == ExitReason::cpuid && plan.length == 2));
            break;
        case 0x78:
        case 0xa6:
            CHECK((plan.reason == ExitReason::hlt && plan.length == 1));
            break;
        case 0x7b:
            CHECK(plan.reason == ExitReason::io);
            break;
        case 0x7c:
            CHECK((plan.reason == ExitReason::rdmsr && plan.length == 2));
            break;
        case 0x7e:
            CHECK((plan.reason == ExitReason::exception && plan.qualification == 16));
            break;
        case 0x7f:
            CHECK(plan.reason == ExitReason::triple_fault);
            break;
        case 0x81:
            CHECK((plan.reason == ExitReason::hypercall && plan.length == 3));
            break;
        case 0x400:
            CHECK(plan.reason == ExitReason::stage2_fault);
            break;
        default:
            CHECK((plan.reason == ExitReason::privileged && plan.length == 0));
        }
    }
    CHECK(plan_exit(record(0xffff'ffff)).reason == ExitReason::invalid_state); // one emulator's
    CHECK(plan_exit(record(~std::uint64_t{0})).reason == ExitReason::invalid_state);
    ExitRecord write = record(0x7c);
    write.info_1 = 1;
    CHECK(plan_exit(write).reason == ExitReason::wrmsr);
}

TEST_CASE("lengths come from the processor if it tells", "[svm][exits]") {
    for (const std::uint64_t code : {0x72u, 0x78u, 0x7cu, 0x81u, 0x80u, 0x8au, 0x89u}) {
        for (std::uint32_t length = 1; length <= 15; ++length) {
            ExitRecord exit = record(code);
            exit.next_rip = exit.rip + length;
            CHECK(plan_exit(exit).length == length);
        }
        ExitRecord odd = record(code);
        odd.next_rip = odd.rip + 16;
        CHECK(plan_exit(odd).length == plan_exit(record(code)).length);
        odd.next_rip = odd.rip - 1;
        CHECK(plan_exit(odd).length == plan_exit(record(code)).length);
    }
}

TEST_CASE("port accesses", "[svm][exits]") {
    for (const std::uint8_t width : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{4}}) {
        for (std::uint64_t flags = 0; flags < 16; ++flags) {
            ExitRecord exit = record(0x7b);
            exit.info_1 = (std::uint64_t{0x3f8} << 16) | (std::uint64_t{width} << 4) | (flags & 0xd) | 0x80;
            exit.info_2 = exit.rip + 2;
            const ExitPlan plan = plan_exit(exit);
            CHECK(plan.length == 2);
            const IoExit io = IoExit::unpack(plan.qualification);
            CHECK(io.port == 0x3f8);
            CHECK(io.width == width);
            CHECK(io.in == ((flags & 1) != 0));
            CHECK(io.string == ((flags & 4) != 0));
            CHECK(io.rep == ((flags & 8) != 0));
        }
    }
    ExitRecord measured = record(0x7b); // `rep outsb` to port 0x2f8, as two emulators report it
    for (const std::uint64_t info : {0x2f8'001cu, 0x2f8'021cu}) {
        measured.info_1 = info;
        const IoExit io = IoExit::unpack(plan_exit(measured).qualification);
        CHECK((io.port == 0x2f8 && io.width == 1 && !io.in && io.string && io.rep));
    }
    measured.info_2 = measured.rip - 7; // nonsense is no length
    CHECK(plan_exit(measured).length == 0);
}

TEST_CASE("nested page faults", "[svm][exits]") {
    for (std::uint64_t bits = 0; bits < 32; ++bits) {
        for (const bool walk : {false, true}) {
            ExitRecord exit = record(0x400);
            exit.info_1 = bits | (std::uint64_t{1} << (walk ? 33 : 32));
            exit.info_2 = 0x1234'5678'9abc;
            const ExitPlan plan = plan_exit(exit);
            CHECK(plan.address == 0x1234'5678'9abc);
            std::uint64_t expected = bits & (stage2_fault::present | stage2_fault::write);
            expected |= (bits & 16) != 0 ? stage2_fault::execute : 0;
            expected |= walk ? stage2_fault::table_walk : 0;
            CHECK(plan.qualification == expected);
        }
    }
}

TEST_CASE("exceptions go to the guest, or to the monitor while something else is on its way", "[svm][exits]") {
    ExitRecord exit = record(0x40 + 17);
    exit.info_1 = 0; // #AC pushes 0
    CHECK(plan_exit(exit).handling == Handling::reinject);
    exit.delivering = true;
    CHECK(plan_exit(exit).handling == Handling::monitor);
    CHECK(plan_exit(exit).reason == ExitReason::exception);
    CHECK(plan_exit(exit).qualification == 17);
}

} // namespace
} // namespace bulkhead::kernel::svm
