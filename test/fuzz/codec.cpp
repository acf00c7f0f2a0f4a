// SPDX-License-Identifier: Apache-2.0
// libFuzzer: bytes that claim to be a hot message of a guest's structure, or a message between components. What the
// straight-line codec takes, nanopb takes for the same, and what is written again is what nanopb writes. The first byte
// chooses the message.
#include <cstring>

#include <pb_decode.h>
#include <pb_encode.h>

#include <bulkhead/message.hpp>

#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

#include <guest_grant_table.layout.hpp>

namespace {

using bulkhead::guest::decode_straight;
using bulkhead::guest::encode_straight;

constexpr std::size_t room = 2048;

void require(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

template <typename M> std::size_t nanopb_writes(const M& message, std::uint8_t (&bytes)[room]) {
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    require(pb_encode(&stream, nanopb::MessageDescriptor<M>::fields(), &message));
    return stream.bytes_written;
}

template <typename M> void compare(const std::uint8_t* data, std::size_t size) {
    M theirs{};
    pb_istream_t stream = pb_istream_from_buffer(data, size);
    const bool nanopb_reads = pb_decode(&stream, nanopb::MessageDescriptor<M>::fields(), &theirs);
    std::uint8_t expected[room], written[room];
    std::size_t length = 0;
    if (nanopb_reads) {
        const std::size_t expected_length = nanopb_writes(theirs, expected);
        require(encode_straight(theirs, written, length));
        require(length == expected_length && std::memcmp(written, expected, length) == 0);
        M again{};
        require(decode_straight({written, length}, again));
    }
    M mine{};
    if (decode_straight({data, size}, mine)) {
        require(nanopb_reads);
        std::uint8_t of_mine[room];
        const std::size_t mine_length = nanopb_writes(mine, of_mine);
        require(mine_length == length && std::memcmp(of_mine, expected, length) == 0);
    }
}

/// The same for the messages that components exchange.
template <typename M> void compare_service(const std::uint8_t* data, std::size_t size) {
    M mine{};
    if (!bulkhead::StraightCodec<M>::decode({data, size}, mine)) {
        return;
    }
    M theirs{};
    pb_istream_t stream = pb_istream_from_buffer(data, size);
    require(pb_decode(&stream, nanopb::MessageDescriptor<M>::fields(), &theirs));
    std::uint8_t expected[room], written[room];
    static_assert(bulkhead::StraightCodec<M>::max_size <= room);
    const std::size_t length = nanopb_writes(theirs, expected);
    require(bulkhead::StraightCodec<M>::encode(mine, written) == length && std::memcmp(written, expected, length) == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 9) {
    case 3:
        compare_service<bulkhead_GrantRequest>(data + 1, size - 1);
        break;
    case 4:
        compare_service<bulkhead_GrantReply>(data + 1, size - 1);
        break;
    case 5:
        compare_service<bulkhead_MemoryRequest>(data + 1, size - 1);
        break;
    case 6:
        compare_service<bulkhead_MemoryReply>(data + 1, size - 1);
        break;
    case 7:
        compare_service<bulkhead_EventRequest>(data + 1, size - 1);
        break;
    case 8:
        compare_service<bulkhead_EventReply>(data + 1, size - 1);
        break;
    case 0:
        compare<bulkhead_guest_GnttabMapGrantRef>(data + 1, size - 1);
        break;
    case 1:
        compare<bulkhead_guest_GnttabUnmapGrantRef>(data + 1, size - 1);
        break;
    default:
        compare<bulkhead_guest_GnttabCopy>(data + 1, size - 1);
        break;
    }
    return 0;
}
