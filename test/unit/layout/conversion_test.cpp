// SPDX-License-Identifier: Apache-2.0
// Generated conversions: what a guest passes survives the way into a message and back; what does not fit is refused.
// REQ-ABI-001
// REQ-MSG-002
#include <catch2/catch.hpp>

#include <cstring>
#include <random>

#include <guest_event_channel.layout.hpp>
#include <guest_grant_table.layout.hpp>
#include <guest_hvm.layout.hpp>
#include <guest_memory.layout.hpp>
#include <guest_sched.layout.hpp>
#include <guest_vcpu.layout.hpp>
#include <guest_version.layout.hpp>

namespace x86_64 = bulkhead::guest::x86_64;

namespace {

/// Random bytes become a structure, a message, and a structure again. Padding comes back as zero; a second round trip
/// must then change nothing.
template <typename Layout, typename Message> void check_round_trip(std::mt19937& random) {
    for (int round = 0; round < 200; ++round) {
        std::uint8_t bytes[sizeof(Layout)];
        for (std::uint8_t& byte : bytes) {
            byte = static_cast<std::uint8_t>(random());
        }
        Layout given;
        std::memcpy(&given, bytes, sizeof given);
        Message message;
        widen(given, message);
        Layout back;
        REQUIRE(narrow(message, back));
        Message again;
        widen(back, again);
        Layout second;
        REQUIRE(narrow(again, second));
        REQUIRE(std::memcmp(&back, &second, sizeof back) == 0);
        REQUIRE(std::memcmp(&message, &again, sizeof message) == 0);
    }
}

} // namespace

TEST_CASE("every structure survives the way into a message and back", "[abi][layout]") {
    std::mt19937 random{20260103};
    check_round_trip<x86_64::AddToPhysmap, bulkhead_guest_AddToPhysmap>(random);
    check_round_trip<x86_64::RemoveFromPhysmap, bulkhead_guest_RemoveFromPhysmap>(random);
    check_round_trip<x86_64::MemoryReservation, bulkhead_guest_MemoryReservation>(random);
    check_round_trip<x86_64::MemoryMap, bulkhead_guest_MemoryMap>(random);
    check_round_trip<x86_64::MemoryDomain, bulkhead_guest_MemoryDomain>(random);
    check_round_trip<x86_64::FeatureInfo, bulkhead_guest_FeatureInfo>(random);
    check_round_trip<x86_64::HvmParam, bulkhead_guest_HvmParam>(random);
    check_round_trip<x86_64::EvtchnAllocUnbound, bulkhead_guest_EvtchnAllocUnbound>(random);
    check_round_trip<x86_64::EvtchnBindInterdomain, bulkhead_guest_EvtchnBindInterdomain>(random);
    check_round_trip<x86_64::EvtchnBindVirq, bulkhead_guest_EvtchnBindVirq>(random);
    check_round_trip<x86_64::EvtchnBindIpi, bulkhead_guest_EvtchnBindIpi>(random);
    check_round_trip<x86_64::EvtchnStatus, bulkhead_guest_EvtchnStatus>(random);
    check_round_trip<x86_64::EvtchnBindVcpu, bulkhead_guest_EvtchnBindVcpu>(random);
    check_round_trip<x86_64::VcpuRegisterVcpuInfo, bulkhead_guest_VcpuRegisterVcpuInfo>(random);
    check_round_trip<x86_64::VcpuRegisterRunstateMemoryArea, bulkhead_guest_VcpuRegisterRunstateMemoryArea>(random);
    check_round_trip<x86_64::VcpuSetSingleshotTimer, bulkhead_guest_VcpuSetSingleshotTimer>(random);
    check_round_trip<x86_64::VcpuSetPeriodicTimer, bulkhead_guest_VcpuSetPeriodicTimer>(random);
    check_round_trip<x86_64::VcpuRunstateInfo, bulkhead_guest_VcpuRunstateInfo>(random);
    check_round_trip<x86_64::SchedShutdown, bulkhead_guest_SchedShutdown>(random);
    check_round_trip<x86_64::SchedPoll, bulkhead_guest_SchedPoll>(random);
    check_round_trip<x86_64::GnttabQuerySize, bulkhead_guest_GnttabQuerySize>(random);
    check_round_trip<x86_64::GnttabSetupTable, bulkhead_guest_GnttabSetupTable>(random);
}

TEST_CASE("a value that does not fit the guest's member is refused", "[abi][layout]") {
    bulkhead_guest_AddToPhysmap message{};
    x86_64::AddToPhysmap out;
    message.domid = 0xffff;
    CHECK(narrow(message, out));
    message.domid = 0x10000;
    CHECK_FALSE(narrow(message, out));

    bulkhead_guest_GnttabQuerySize size{};
    x86_64::GnttabQuerySize reply{};
    size.status = -0x8000;
    CHECK(narrow(size, reply));
    CHECK(reply.status == -0x8000);
    size.status = 0x8000;
    CHECK_FALSE(narrow(size, reply));
    CHECK_FALSE(narrow_outputs(size, reply));
    size.status = -0x8001;
    CHECK_FALSE(narrow_outputs(size, reply));
}

TEST_CASE("only what the headers call OUT is written back", "[abi][layout]") {
    x86_64::EvtchnBindInterdomain in_memory{7, {0xaa, 0xbb}, 8, 0};
    bulkhead_guest_EvtchnBindInterdomain message{};
    message.remote_dom = 1;
    message.remote_port = 2;
    message.local_port = 3;
    REQUIRE(narrow_outputs(message, in_memory));
    CHECK(in_memory.remote_dom == 7);
    CHECK(in_memory.padding_at_2[0] == 0xaa);
    CHECK(in_memory.remote_port == 8);
    CHECK(in_memory.local_port == 3);
}

TEST_CASE("a union follows its discriminator", "[abi][layout]") {
    x86_64::EvtchnStatus status{};
    status.status = 2; // interdomain
    status.u.interdomain.dom = 5;
    status.u.interdomain.port = 6;
    bulkhead_guest_EvtchnStatus message;
    widen(status, message);
    REQUIRE(message.which_u == bulkhead_guest_EvtchnStatus_interdomain_tag);
    CHECK(message.u.interdomain.dom == 5);
    CHECK(message.u.interdomain.port == 6);

    x86_64::EvtchnStatus back{};
    message.status = 4; // says virq, carries interdomain
    CHECK_FALSE(narrow(message, back));
    message.status = 0;
    message.which_u = 0;
    std::memset(&back.u, 0xff, sizeof back.u);
    REQUIRE(narrow_outputs(message, back));
    CHECK(back.u.virq == 0); // nothing of what was there shows through
    message.which_u = 99;
    CHECK_FALSE(narrow(message, back));
}

TEST_CASE("the size of an array behind a handle cannot wrap", "[abi][layout]") {
    x86_64::MemoryReservation reservation{};
    std::uint64_t bytes = 0;
    reservation.nr_extents = 3;
    REQUIRE(reservation.extent_start_bytes(bytes));
    CHECK(bytes == 24);
    reservation.nr_extents = std::uint64_t{1} << 61;
    CHECK_FALSE(reservation.extent_start_bytes(bytes));
}
