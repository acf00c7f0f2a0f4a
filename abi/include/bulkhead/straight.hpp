// SPDX-License-Identifier: Apache-2.0
// What the generated codecs of messages are made of (see abi/generator/emit_message.cpp): Protobuf's wire
// format by straight lines, without tables. It must not know: any message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bulkhead {

/// Specialised for each message that has a straight-line codec, by the header that the generator writes:
///     static constexpr std::size_t max_size;
///     static std::size_t encode(const M&, std::uint8_t* to);         writes at most max_size bytes; 0: ask nanopb
///     static bool decode(std::span<const std::uint8_t> bytes, M&);   false: not what encode writes; ask nanopb
/// Bytes are nanopb's. decode sets every member that belongs to what the message says; the others of a union are left.
template <typename M> struct StraightCodec;

template <typename M>
concept HasStraightCodec = requires {
    StraightCodec<M>::max_size;
};

namespace straight {

/// Signed numbers as the wire has them (sint32).
constexpr std::uint64_t zigzag(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
constexpr std::int32_t unzigzag(std::uint64_t value) {
    const auto low = static_cast<std::uint32_t>(value);
    return static_cast<std::int32_t>((low >> 1) ^ (0u - (low & 1)));
}

/// What memory holds in an enum's place, which need not be a value of its type: a message is filled by others, too.
template <typename Enum> std::uint32_t number_of(const Enum& value) {
    static_assert(sizeof value == sizeof(std::uint32_t));
    std::uint32_t number;
    __builtin_memcpy(&number, &value, sizeof number);
    return number;
}

/// Writes without looking for an end: whoever starts one has seen that the largest message fits.
class Output {
public:
    explicit Output(std::uint8_t* at) : at_{at} {}

    std::uint8_t* at() const { return at_; }
    void byte(std::uint8_t value) { *at_++ = value; }
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) {
            byte(static_cast<std::uint8_t>(value | 0x80));
        }
        byte(static_cast<std::uint8_t>(value));
    }
    /// A field that is not there when it is 0.
    void field(std::uint8_t key, std::uint64_t value) {
        if (value != 0) {
            byte(key);
            varint(value);
        }
    }
    /// Begins something that has its length before it; nearly always that is one byte.
    std::uint8_t* begin(std::uint8_t key) {
        byte(key);
        byte(0);
        return at_;
    }
    void end(std::uint8_t* begun) {
        const auto length = static_cast<std::uint64_t>(at_ - begun);
        if (length < 0x80) {
            begun[-1] = static_cast<std::uint8_t>(length);
        } else {
            make_room(begun, length);
        }
    }

private:
    void make_room(std::uint8_t* begun, std::uint64_t length) {
        std::size_t more = 0;
        for (std::uint64_t rest = length >> 7; rest != 0; rest >>= 7) {
            ++more;
        }
        __builtin_memmove(begun + more, begun, length);
        at_ = begun - 1;
        varint(length);
        at_ += length;
    }

    std::uint8_t* at_;
};

/// Takes what comes next, if it is that. What it does not expect is malformed, or for nanopb.
class Input {
public:
    Input() = default;
    explicit Input(std::span<const std::uint8_t> bytes) : at_{bytes.data()}, end_{bytes.data() + bytes.size()} {}

    bool at_end() const { return at_ == end_; }
    /// 0: at the end.
    std::uint8_t next_key() const { return at_end() ? std::uint8_t{0} : *at_; }
    bool take_key(std::uint8_t key) {
        if (next_key() != key) {
            return false;
        }
        ++at_;
        return true;
    }
    /// False: it goes on behind the end, or is larger than `limit`.
    bool varint(std::uint64_t& value, std::uint64_t limit) {
        value = 0;
        for (std::uint32_t shift = 0; !at_end() && shift < 64; shift += 7) {
            const std::uint64_t bits = *at_ & 0x7f;
            if (shift == 63 && bits > 1) {
                return false;
            }
            value |= bits << shift;
            if ((*at_++ & 0x80) == 0) {
                return value <= limit;
            }
        }
        return false;
    }
    /// The field if it comes next, else 0.
    bool field(std::uint8_t key, std::uint64_t limit, std::uint64_t& value) {
        value = 0;
        return !take_key(key) || varint(value, limit);
    }
    /// What has its length before it.
    bool part(Input& inner) {
        std::uint64_t length = 0;
        if (!varint(length, static_cast<std::uint64_t>(end_ - at_)) ||
            length > static_cast<std::uint64_t>(end_ - at_)) {
            return false;
        }
        inner.at_ = at_;
        inner.end_ = at_ += length;
        return true;
    }

private:
    const std::uint8_t* at_{nullptr};
    const std::uint8_t* end_{nullptr};
};

} // namespace straight
} // namespace bulkhead
