// SPDX-License-Identifier: Apache-2.0
// The multiplexed serial line. One byte stream each way carries the system's log and every domain's console: 0x1e and
// an identifier switch the current stream, 0x1e twice is that byte itself, all else belongs to the current stream.
// It must not know: the device, nor who is behind a stream.
#pragma once

#include <optional>
#include <span>

#include <bulkhead/slots.hpp>

#include "byte_queue.hpp"

namespace bulkhead::console {

/// 0: the system's log; d: domain d's console.
using Stream = Strong<struct StreamTag, std::uint8_t>;
inline constexpr Stream system_log{0};

inline constexpr std::uint8_t switch_byte = 0x1e;
constexpr std::uint8_t identifier(Stream stream) {
    return static_cast<std::uint8_t>('0' + stream.value);
}
static_assert('0' + max_domains < 0x80, "identifiers are printing characters");

/// What waits to be sent. The kernel has begun the line on the log's stream.
class LineOut {
public:
    static constexpr std::size_t capacity = 8192;
    /// What `bytes` bytes cost at most: a switch, and each of them doubled.
    static constexpr std::size_t cost(std::size_t bytes) { return 2 + 2 * bytes; }

    /// Takes as much of the text as there is room for, leaving `spare` bytes free. Returns how much.
    std::size_t write(Stream stream, std::span<const std::uint8_t> text, std::size_t spare = 0) {
        std::size_t taken = 0;
        while (taken < text.size()) {
            const std::uint8_t byte = text[taken];
            const std::size_t needed = (stream == current_ ? 0u : 2u) + (byte == switch_byte ? 2u : 1u);
            if (queue_.room() < spare + needed) {
                break;
            }
            if (stream != current_) {
                put(switch_byte);
                put(identifier(stream));
                current_ = stream;
            }
            if (byte == switch_byte) {
                put(switch_byte);
            }
            put(byte);
            ++taken;
        }
        return taken;
    }
    std::size_t room() const { return queue_.room(); }
    bool empty() const { return queue_.empty(); }
    std::uint8_t pop() { return queue_.pop(); }
    void clear() { queue_.clear(); }

private:
    void put(std::uint8_t byte) { (void)queue_.push(byte); } // the room was checked

    ByteQueue<capacity> queue_;
    Stream current_{system_log};
};

/// What arrives, byte by byte.
class LineIn {
public:
    struct Data {
        Stream stream{};
        std::uint8_t byte{0};
    };

    /// Nothing: the byte was about the stream, or malformed.
    std::optional<Data> feed(std::uint8_t byte) {
        if (!switching_) {
            switching_ = byte == switch_byte;
            return switching_ ? std::optional<Data>{} : Data{current_, byte};
        }
        switching_ = false;
        if (byte == switch_byte) {
            return Data{current_, byte};
        }
        if (byte >= '0' && byte <= '0' + max_domains) {
            current_ = Stream{static_cast<std::uint8_t>(byte - '0')};
        }
        return {};
    }

private:
    Stream current_{system_log};
    bool switching_{false};
};

} // namespace bulkhead::console
