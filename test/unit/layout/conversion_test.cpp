// SPDX-License-Identifier: Apache-2.0
// Generated conversions: what a guest passes survives the way into a message and back; what does not fit is refused.
// REQ-ABI-001 REQ-ABI-003 REQ-ABI-004
// REQ-MSG-002
#include <catch2/catch.hpp>

#include <cstring>
#include <random>

#include <pb_decode.h>
#include <pb_encode.h>

#include <bulkhead/xen.hpp>

#include "every_message.hpp"

namespace x86_64 = bulkhead::guest::x86_64;
namespace x86_32 = bulkhead::guest::x86_32;
using bulkhead::guest::Fit;
using bulkhead::guest::LayoutsOf;

namespace {

constexpr int rounds = 200;

template <typename T> T random_bytes(std::mt19937& random) {
    std::uint8_t bytes[sizeof(T)];
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(random());
    }
    // Discriminators are small numbers: half of the structures begin like one.
    if ((random() & 1) != 0 && sizeof bytes >= 4) {
        std::memset(bytes, 0, 4);
        bytes[0] = static_cast<std::uint8_t>(random() % 8);
    }
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

template <typename T> bool same_bytes(const T& a, const T& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

// Catch's macros are dear where every structure is a template argument: these say false, and one of them is checked.

/// Through the codec, as from one component to another, nothing is lost either.
template <typename Message> bool same_as_sent(const Message& message) {
    std::uint8_t bytes[1024];
    pb_ostream_t out = pb_ostream_from_buffer(bytes, sizeof bytes);
    Message received;
    std::memset(&received, 0, sizeof received);
    const pb_msgdesc_t* const fields = nanopb::MessageDescriptor<Message>::fields();
    if (!pb_encode(&out, fields, &message)) {
        return false;
    }
    pb_istream_t in = pb_istream_from_buffer(bytes, out.bytes_written);
    return pb_decode(&in, fields, &received) && same_bytes(message, received);
}

/// Random bytes become a structure, a message, and a structure again. Padding comes back as zero; a second round trip
/// must then change nothing, and the message is the same each time.
template <typename Layout, typename Message> bool round_trips(std::mt19937& random) {
    for (int round = 0; round < rounds; ++round) {
        Message message, again;
        std::memset(&message, 0, sizeof message); // what lies between a message's members must compare equal too
        std::memset(&again, 0, sizeof again);
        widen(random_bytes<Layout>(random), message);
        Layout back, second;
        if (narrow(message, back) != Fit::fits || !same_as_sent(message)) {
            return false;
        }
        widen(back, again);
        if (narrow(again, second) != Fit::fits || !same_bytes(back, second) || !same_bytes(message, again)) {
            return false;
        }
    }
    return true;
}

/// What the guest of one width says comes out the same at one of the other, or not at all. Returns how often it did;
/// negative: once it was something else.
template <typename From, typename To, typename Message> int crossings(std::mt19937& random) {
    int crossed = 0;
    for (int round = 0; round < rounds; ++round) {
        Message message, again;
        std::memset(&message, 0, sizeof message);
        std::memset(&again, 0, sizeof again);
        widen(random_bytes<From>(random), message);
        To other;
        if (narrow(message, other) != Fit::fits) {
            continue;
        }
        widen(other, again);
        if (!same_bytes(message, again)) {
            return -1;
        }
        ++crossed;
    }
    return crossed;
}

} // namespace

TEST_CASE("every structure of either width survives the way into a message and back", "[abi][layout]") {
    std::mt19937 random{20260103};
    std::size_t count = 0;
    bulkhead::test::for_each_message([&]<typename Message>() {
        const bool wide = round_trips<typename LayoutsOf<Message>::Wide, Message>(random);
        const bool small = round_trips<typename LayoutsOf<Message>::Narrow, Message>(random);
        count += wide && small ? 1 : 0;
        if (!wide || !small) {
            FAIL_CHECK(__PRETTY_FUNCTION__);
        }
    });
    CHECK(count > 60);
}

TEST_CASE("what fits goes from either width to the other, and is never cut", "[abi][layout]") {
    std::mt19937 random{20261125};
    bulkhead::test::for_each_message([&]<typename Message>() {
        using Wide = typename LayoutsOf<Message>::Wide;
        using Narrow = typename LayoutsOf<Message>::Narrow;
        // Whatever a 32-bit guest says a 64-bit one can say too.
        if (crossings<Narrow, Wide, Message>(random) != rounds || crossings<Wide, Narrow, Message>(random) < 0) {
            FAIL_CHECK(__PRETTY_FUNCTION__);
        }
    });
}

TEST_CASE("what a 32-bit guest's word cannot hold is an error", "[abi][layout]") {
    bulkhead_guest_AddToPhysmap message{};
    x86_64::AddToPhysmap wide{};
    x86_32::AddToPhysmap out{};
    message.gpfn = 0xffff'ffff;
    CHECK(narrow(message, out) == Fit::fits);
    CHECK(out.gpfn == 0xffff'ffff);
    message.gpfn = 0x1'0000'0000;
    CHECK(narrow(message, wide) == Fit::fits);
    CHECK(narrow(message, out) == Fit::overflow);
}

TEST_CASE("a 32-bit guest's 64-bit members are where i386 has them", "[abi][layout]") {
    x86_32::SchedPoll poll{};
    static_assert(sizeof poll == 16 && alignof(x86_32::SchedPoll) == 4);
    poll.timeout = 0x1122'3344'5566'7788;
    std::uint8_t bytes[sizeof poll];
    std::memcpy(bytes, &poll, sizeof poll);
    CHECK(bytes[8] == 0x88);
    CHECK(bytes[15] == 0x11);
    static_assert(sizeof(x86_32::SharedInfo) == 2344 && sizeof(x86_64::SharedInfo) == 3136);
    static_assert(sizeof(x86_32::VcpuInfo) == 64 && sizeof(x86_64::VcpuInfo) == 64);
}

TEST_CASE("a value that does not fit the guest's member is refused", "[abi][layout]") {
    bulkhead_guest_AddToPhysmap message{};
    x86_64::AddToPhysmap out;
    message.domid = 0xffff;
    CHECK(narrow(message, out) == Fit::fits);
    message.domid = 0x10000;
    CHECK(narrow(message, out) == Fit::overflow);

    bulkhead_guest_GnttabQuerySize size{};
    x86_64::GnttabQuerySize reply{};
    size.status = -0x8000;
    CHECK(narrow(size, reply) == Fit::fits);
    CHECK(reply.status == -0x8000);
    size.status = 0x8000;
    CHECK(narrow(size, reply) == Fit::overflow);
    CHECK(narrow_outputs(size, reply) == Fit::overflow);
    size.status = -0x8001;
    CHECK(narrow_outputs(size, reply) == Fit::overflow);
}

TEST_CASE("only what the headers call OUT is written back", "[abi][layout]") {
    x86_64::EvtchnBindInterdomain in_memory{7, {0xaa, 0xbb}, 8, 0};
    bulkhead_guest_EvtchnBindInterdomain message{};
    message.remote_dom = 1;
    message.remote_port = 2;
    message.local_port = 3;
    REQUIRE(narrow_outputs(message, in_memory) == Fit::fits);
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
    CHECK(narrow(message, back) == Fit::invalid);
    message.status = 0;
    message.which_u = 0;
    std::memset(&back.u, 0xff, sizeof back.u);
    REQUIRE(narrow_outputs(message, back) == Fit::fits);
    CHECK(back.u.virq == 0); // nothing of what was there shows through
    message.which_u = 99;
    CHECK(narrow(message, back) == Fit::invalid);
}

TEST_CASE("the size of an array behind a handle cannot wrap", "[abi][layout]") {
    x86_64::MemoryReservation reservation{};
    std::uint64_t bytes = 0;
    reservation.nr_extents = 3;
    REQUIRE(reservation.extent_start_bytes(bytes));
    CHECK(bytes == 24);
    reservation.nr_extents = std::uint64_t{1} << 61;
    CHECK_FALSE(reservation.extent_start_bytes(bytes));
    x86_32::MemoryReservation small{};
    small.nr_extents = 0x3fff'ffff;
    REQUIRE(small.extent_start_bytes(bytes));
    CHECK(bytes == 0xffff'fffc);
    small.nr_extents = 0x4000'0000;
    CHECK_FALSE(small.extent_start_bytes(bytes));
}

TEST_CASE("a union may follow bits of a member that stands behind it", "[abi][layout]") {
    x86_32::GnttabCopy copy{};
    copy.flags = GNTCOPY_source_gref;
    copy.source.source_ref = 77;
    copy.dest.dest_gmfn = 88;
    bulkhead_guest_GnttabCopy message;
    widen(copy, message);
    REQUIRE(message.which_source == bulkhead_guest_GnttabCopy_source_ref_tag);
    CHECK(message.source.source_ref == 77);
    REQUIRE(message.which_dest == bulkhead_guest_GnttabCopy_dest_gmfn_tag);
    CHECK(message.dest.dest_gmfn == 88);
    message.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    CHECK(narrow(message, copy) == Fit::invalid);
}

TEST_CASE("results are the ranges that may be written, and no more", "[abi][layout]") {
    const auto& ranges = x86_64::GnttabQuerySize::outputs;
    REQUIRE(std::size(ranges) == 1); // nr_frames, max_nr_frames, status; not the padding behind
    CHECK(ranges[0].offset == 4);
    CHECK(ranges[0].size == 10);
    CHECK(std::size(x86_32::EvtchnStatus::outputs) == 1);
}
