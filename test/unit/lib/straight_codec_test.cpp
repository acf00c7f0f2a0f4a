// SPDX-License-Identifier: Apache-2.0
// The straight-line codecs of the messages between components: nanopb is what they must agree with, byte for byte, and
// in what they refuse (REQ-PERF-002).
#include <cstring>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include <bulkhead/message.hpp>
#include <pb_common.h>

#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

using namespace bulkhead;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

/// Of any width, 0 now and then.
std::uint64_t random_number(Random& random) {
    return random() % 8 == 0 ? 0 : random() >> (random() % 64);
}

void randomise(const pb_msgdesc_t* descriptor, void* message, Random& random);

void set_value(const pb_field_iter_t& field, void* at, Random& random) {
    switch (PB_LTYPE(field.type)) {
    case PB_LTYPE_BOOL:
        *static_cast<bool*>(at) = random() % 2 != 0;
        break;
    case PB_LTYPE_SUBMESSAGE:
        randomise(field.submsg_desc, at, random);
        break;
    default: {
        const std::uint64_t value = random_number(random);
        std::memcpy(at, &value, field.data_size);
        break;
    }
    }
}

void randomise(const pb_msgdesc_t* descriptor, void* message, Random& random) {
    pb_field_iter_t field;
    if (!pb_field_iter_begin(&field, descriptor, message)) {
        return; // it has no fields
    }
    do {
        auto* const count = static_cast<pb_size_t*>(field.pSize);
        switch (PB_HTYPE(field.type)) {
        case PB_HTYPE_ONEOF:
            if (random() % 3 == 0) {
                *count = field.tag;
                std::memset(field.pData, 0, field.data_size);
                set_value(field, field.pData, random);
            }
            break;
        case PB_HTYPE_REPEATED:
            *count = static_cast<pb_size_t>(random() % (field.array_size + 1u));
            for (std::uint32_t i = 0; i < *count; ++i) {
                set_value(field, static_cast<char*>(field.pData) + i * field.data_size, random);
            }
            break;
        default:
            set_value(field, field.pData, random);
            break;
        }
    } while (pb_field_iter_next(&field));
}

/// An enumeration holds what its schema lists.
template <typename M> void mend(M&) {}
template <> void mend(bulkhead_MemoryRequest& m) {
    if (m.which_request == bulkhead_MemoryRequest_add_to_physmap_tag) {
        const int space = bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE;
        std::memcpy(&m.request.add_to_physmap.space, &space, sizeof space);
    } else if (m.which_request == bulkhead_MemoryRequest_query_tag) {
        const int what = bulkhead_MemoryQuery_What_MAXIMUM_GFN;
        std::memcpy(&m.request.query.what, &what, sizeof what);
    }
}

template <typename M> Bytes by_nanopb(const M& message) {
    Bytes bytes(StraightCodec<M>::max_size);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes.data(), bytes.size());
    REQUIRE(pb_encode(&stream, nanopb::MessageDescriptor<M>::fields(), &message));
    bytes.resize(stream.bytes_written);
    return bytes;
}
template <typename M> bool nanopb_takes(const Bytes& bytes, M& message) {
    pb_istream_t stream = pb_istream_from_buffer(bytes.data(), bytes.size());
    return pb_decode(&stream, nanopb::MessageDescriptor<M>::fields(), &message);
}

template <typename M> void check_round_trip(Random& random) {
    M message{};
    randomise(nanopb::MessageDescriptor<M>::fields(), &message, random);
    mend(message);
    const Bytes expected = by_nanopb(message);
    Bytes bytes(StraightCodec<M>::max_size);
    bytes.resize(StraightCodec<M>::encode(message, bytes.data()));
    REQUIRE(bytes == expected);
    M read;
    std::memset(&read, 0xff, sizeof read); // decode sets what it must
    REQUIRE(StraightCodec<M>::decode(bytes, read));
    REQUIRE(by_nanopb(read) == expected);
}

/// What a codec takes of bytes that nobody has written, nanopb takes as well, and as the same message.
template <typename M> void check_damaged(Random& random) {
    M message{};
    randomise(nanopb::MessageDescriptor<M>::fields(), &message, random);
    mend(message);
    Bytes bytes = by_nanopb(message);
    for (std::uint32_t i = 0; i < 3 && !bytes.empty(); ++i) {
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    }
    if (random() % 4 == 0 && !bytes.empty()) {
        bytes.resize(random() % bytes.size());
    }
    M straight{};
    if (StraightCodec<M>::decode(bytes, straight)) {
        M tables{};
        REQUIRE(nanopb_takes(bytes, tables));
        REQUIRE(by_nanopb(straight) == by_nanopb(tables));
    }
}

} // namespace

TEMPLATE_TEST_CASE("straight-line codecs write and read nanopb's bytes", "[codec]", bulkhead_GrantRequest,
                   bulkhead_GrantReply, bulkhead_MemoryRequest, bulkhead_MemoryReply, bulkhead_EventRequest,
                   bulkhead_EventReply) {
    Random random{20261126};
    for (int i = 0; i < 2000; ++i) {
        check_round_trip<TestType>(random);
    }
    for (int i = 0; i < 20000; ++i) {
        check_damaged<TestType>(random);
    }
}

TEST_CASE("a count beyond the array is not encoded", "[codec]") {
    bulkhead_GrantRequest request{};
    request.which_request = bulkhead_GrantRequest_map_tag;
    request.request.map.item_count = 33;
    std::uint8_t bytes[StraightCodec<bulkhead_GrantRequest>::max_size];
    CHECK(StraightCodec<bulkhead_GrantRequest>::encode(request, bytes) == 0);
    CHECK_FALSE(encode(request, bytes));
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
