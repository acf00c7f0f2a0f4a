// SPDX-License-Identifier: Apache-2.0
// What holds for every straight-line codec: nanopb is what it must agree with, byte for byte, and in what it refuses.
// It must not know: any message.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>

#include <bulkhead/straight.hpp>

namespace bulkhead::test {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

/// Of any width, 0 now and then.
inline std::uint64_t random_number(Random& random) {
    return random() % 8 == 0 ? 0 : random() >> (random() % 64);
}

inline void randomise(const pb_msgdesc_t* descriptor, void* message, Random& random);

inline void set_value(const pb_field_iter_t& field, void* at, Random& random) {
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

inline void randomise(const pb_msgdesc_t* descriptor, void* message, Random& random) {
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

/// An enumeration is to hold what its schema lists: to be specialised for messages that have one.
template <typename M> void keep_to_schema(M&) {}

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
    keep_to_schema(message);
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
    keep_to_schema(message);
    Bytes bytes = by_nanopb(message);
    for (std::uint32_t i = 0; i < 3 && !bytes.empty(); ++i) {
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    }
    if (random() % 4 == 0) {
        bytes.resize(random() % (bytes.size() + 3), static_cast<std::uint8_t>(random()));
    }
    M straight{};
    if (StraightCodec<M>::decode(bytes, straight)) {
        M tables{};
        REQUIRE(nanopb_takes(bytes, tables));
        REQUIRE(by_nanopb(straight) == by_nanopb(tables));
    }
}

template <typename M> void check_codec() {
    Random random{20261126};
    for (int i = 0; i < 2000; ++i) {
        check_round_trip<M>(random);
    }
    for (int i = 0; i < 20000; ++i) {
        check_damaged<M>(random);
    }
}

} // namespace bulkhead::test
