// SPDX-License-Identifier: Apache-2.0
// Protobuf's wire format as far as the generated straight-line codecs need it: varints, in a buffer with an end.
// It must not know: any message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bulkhead::wire {

inline constexpr std::uint32_t max_varint_bytes = 10;

constexpr std::uint64_t zigzag(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
constexpr std::int32_t unzigzag(std::uint64_t value) {
    const auto low = static_cast<std::uint32_t>(value);
    return static_cast<std::int32_t>((low >> 1) ^ (0u - (low & 1)));
}

/// Appends; `fits()` says in the end whether all of it did.
class Writer {
public:
    explicit Writer(std::span<std::uint8_t> bytes) : bytes_{bytes} {}

    void byte(std::uint8_t value) {
        if (at_ < bytes_.size()) {
            bytes_[at_] = value;
        }
        ++at_;
    }
    void varint(std::uint64_t value) {
        while (value >= 0x80) {
            byte(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7;
        }
        byte(static_cast<std::uint8_t>(value));
    }
    bool fits() const { return at_ <= bytes_.size(); }
    std::size_t size() const { return at_; }

private:
    std::span<std::uint8_t> bytes_;
    std::size_t at_{0};
};

/// Takes what comes next, if it is that.
class Reader {
public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

    bool at_end() const { return at_ == bytes_.size(); }
    bool take_key(std::uint8_t key) {
        if (at_end() || bytes_[at_] != key) {
            return false;
        }
        ++at_;
        return true;
    }
    /// False: it goes on behind the end, or is larger than `limit`.
    bool varint(std::uint64_t& value, std::uint64_t limit) {
        value = 0;
        for (std::uint32_t i = 0; i < max_varint_bytes && !at_end(); ++i) {
            const std::uint64_t bits = bytes_[at_] & 0x7f;
            const std::uint32_t shift = 7 * i;
            if (shift == 63 && bits > 1) {
                return false;
            }
            value |= bits << shift;
            if ((bytes_[at_++] & 0x80) == 0) {
                return value <= limit;
            }
        }
        return false;
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_{0};
};

} // namespace bulkhead::wire
