// SPDX-License-Identifier: Apache-2.0
// Messages to and from bytes, by type: by the message's straight-line codec where it has one that can do it, else by
// nanopb. The bytes are the same.
// It must not know: who sends what to whom.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>

#include <pb_decode.h>
#include <pb_encode.h>

#include <bulkhead/result.hpp>
#include <bulkhead/straight.hpp>

namespace bulkhead {

template <typename M>
concept Message = requires {
    { nanopb::MessageDescriptor<M>::fields() } -> std::convertible_to<const pb_msgdesc_t*>;
};

/// False if the bytes are not an encoding of an M that fits; `message` is then to be forgotten.
template <Message M> [[nodiscard]] bool decode(std::span<const std::uint8_t> bytes, M& message) {
    if constexpr (HasStraightCodec<M>) {
        if (StraightCodec<M>::decode(bytes, message)) {
            return true;
        }
    }
    pb_istream_t stream = pb_istream_from_buffer(bytes.data(), bytes.size());
    return pb_decode(&stream, nanopb::MessageDescriptor<M>::fields(), &message);
}

/// The length of the encoding, or out_of_range if there is no room for it.
template <Message M> Result<std::uint32_t> encode(const M& message, std::span<std::uint8_t> bytes) {
    if constexpr (HasStraightCodec<M>) {
        if (bytes.size() >= StraightCodec<M>::max_size) {
            if (const std::size_t size = StraightCodec<M>::encode(message, bytes.data()); size != 0) {
                return static_cast<std::uint32_t>(size);
            }
        }
    }
    pb_ostream_t stream = pb_ostream_from_buffer(bytes.data(), bytes.size());
    if (!pb_encode(&stream, nanopb::MessageDescriptor<M>::fields(), &message)) {
        return Status::out_of_range;
    }
    return static_cast<std::uint32_t>(stream.bytes_written);
}

} // namespace bulkhead
