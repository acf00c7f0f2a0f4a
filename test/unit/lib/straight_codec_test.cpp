// SPDX-License-Identifier: Apache-2.0
// The straight-line codecs of the messages between components: nanopb is what they must agree with, byte for byte, and
// in what they refuse (REQ-PERF-002).
#include <cstring>

#include <catch2/catch.hpp>

#include <bulkhead/message.hpp>

#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

#include "codec_checks.hpp"

using namespace bulkhead;

template <> void test::keep_to_schema(bulkhead_MemoryRequest& m) {
    if (m.which_request == bulkhead_MemoryRequest_add_to_physmap_tag) {
        const int space = bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE;
        std::memcpy(&m.request.add_to_physmap.space, &space, sizeof space);
    } else if (m.which_request == bulkhead_MemoryRequest_query_tag) {
        const int what = bulkhead_MemoryQuery_What_MAXIMUM_GFN;
        std::memcpy(&m.request.query.what, &what, sizeof what);
    }
}

TEMPLATE_TEST_CASE("straight-line codecs write and read nanopb's bytes", "[codec]", bulkhead_GrantRequest,
                   bulkhead_GrantReply, bulkhead_MemoryRequest, bulkhead_MemoryReply, bulkhead_EventRequest,
                   bulkhead_EventReply) {
    test::check_codec<TestType>();
}

TEST_CASE("a count beyond the array is not encoded", "[codec]") {
    bulkhead_MemoryReply reply{};
    reply.moved_count = std::size(reply.moved) + 1;
    std::uint8_t bytes[StraightCodec<bulkhead_MemoryReply>::max_size];
    CHECK(StraightCodec<bulkhead_MemoryReply>::encode(reply, bytes) == 0);
    CHECK_FALSE(encode(reply, bytes));
}

TEST_CASE("an enum's value that the schema does not list is nanopb's", "[codec]") {
    // The room that is asked for counts on the listed values: one byte, where the largest takes five.
    bulkhead_MemoryAddToPhysmap message{};
    message.index = message.gfn = ~std::uint64_t{0};
    const std::uint32_t unlisted = GENERATE(3u, 0x80u, 0xffff'ffffu);
    std::memcpy(&message.space, &unlisted, sizeof unlisted);
    std::uint8_t bytes[StraightCodec<bulkhead_MemoryAddToPhysmap>::max_size + 8];
    std::uint8_t before[sizeof bytes];
    std::memset(bytes, 0xa5, sizeof bytes);
    std::memset(before, 0xa5, sizeof before);
    CHECK(StraightCodec<bulkhead_MemoryAddToPhysmap>::encode(message, bytes) == 0);
    const std::size_t room = StraightCodec<bulkhead_MemoryAddToPhysmap>::max_size;
    CHECK(std::memcmp(bytes + room, before + room, sizeof bytes - room) == 0);
    const bool fits = unlisted < 0x80; // in nanopb's own room, too
    CHECK(static_cast<bool>(encode(message, std::span{bytes, room})) == fits);
}

TEST_CASE("fields that a codec does not know are nanopb's", "[codec]") {
    // EventReply with a field 31 in front, as a newer schema may have one.
    const std::uint8_t bytes[] = {0xf8, 0x01, 0x05, 0x10, 0x07};
    bulkhead_EventReply reply{};
    CHECK_FALSE(StraightCodec<bulkhead_EventReply>::decode(bytes, reply));
    REQUIRE(decode(bytes, reply));
    CHECK(reply.port == 7);
}
