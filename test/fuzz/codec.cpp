// SPDX-License-Identifier: Apache-2.0
// libFuzzer: bytes that claim to be a hot message of a guest's structure, or a message between components. What the
// straight-line codec takes, nanopb takes for the same, and what is written again is what nanopb writes. The first byte
// chooses the message.
#include <cstring>

#include <bulkhead/message.hpp>

#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

#include <guest_grant_table.layout.hpp>

#include "demand.hpp"

namespace {

constexpr std::size_t room = 2048;

struct Bytes {
    std::uint8_t at[room];
    std::size_t length;

    bool operator==(const Bytes& other) const {
        return length == other.length && std::memcmp(at, other.at, length) == 0;
    }
};

template <typename M> Bytes nanopb_writes(const M& message) {
    Bytes bytes;
    pb_ostream_t stream = pb_ostream_from_buffer(bytes.at, sizeof bytes.at);
    demand(pb_encode(&stream, nanopb::MessageDescriptor<M>::fields(), &message));
    bytes.length = stream.bytes_written;
    return bytes;
}

template <typename M> Bytes straight_writes(const M& message) {
    static_assert(bulkhead::StraightCodec<M>::max_size <= room);
    Bytes bytes;
    bytes.length = bulkhead::StraightCodec<M>::encode(message, bytes.at);
    demand(bytes.length <= bulkhead::StraightCodec<M>::max_size);
    return bytes;
}

/// Messages between components may have parts that are nanopb's alone.
template <typename M> void compare(const std::uint8_t* data, std::size_t size) {
    M theirs{}, mine{};
    pb_istream_t stream = pb_istream_from_buffer(data, size);
    const bool nanopb_reads = pb_decode(&stream, nanopb::MessageDescriptor<M>::fields(), &theirs);
    if (nanopb_reads) {
        const Bytes written = straight_writes(theirs);
        demand(written.length == 0 || written == nanopb_writes(theirs));
    }
    if (bulkhead::StraightCodec<M>::decode({data, size}, mine)) {
        demand(nanopb_reads);
        demand(straight_writes(mine) == nanopb_writes(theirs));
    }
}

/// Hot messages have none.
template <typename M> void compare_hot(const std::uint8_t* data, std::size_t size) {
    compare<M>(data, size);
    M theirs{}, again{};
    pb_istream_t stream = pb_istream_from_buffer(data, size);
    if (pb_decode(&stream, nanopb::MessageDescriptor<M>::fields(), &theirs)) {
        const Bytes written = straight_writes(theirs);
        demand(written == nanopb_writes(theirs));
        demand(bulkhead::StraightCodec<M>::decode({written.at, written.length}, again));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 9) {
    case 3:
        compare<bulkhead_GrantRequest>(data + 1, size - 1);
        break;
    case 4:
        compare<bulkhead_GrantReply>(data + 1, size - 1);
        break;
    case 5:
        compare<bulkhead_MemoryRequest>(data + 1, size - 1);
        break;
    case 6:
        compare<bulkhead_MemoryReply>(data + 1, size - 1);
        break;
    case 7:
        compare<bulkhead_EventRequest>(data + 1, size - 1);
        break;
    case 8:
        compare<bulkhead_EventReply>(data + 1, size - 1);
        break;
    case 0:
        compare_hot<bulkhead_guest_GnttabMapGrantRef>(data + 1, size - 1);
        break;
    case 1:
        compare_hot<bulkhead_guest_GnttabUnmapGrantRef>(data + 1, size - 1);
        break;
    default:
        compare_hot<bulkhead_guest_GnttabCopy>(data + 1, size - 1);
        break;
    }
    return 0;
}
