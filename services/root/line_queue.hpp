// SPDX-License-Identifier: Apache-2.0
// Lines on their way from one thread to another: one writes, one reads, neither ever waits.
// It must not know: who they are.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead::root {

class LineQueue {
public:
    static constexpr std::uint32_t capacity = 16 * 1024;

    constexpr LineQueue() = default;

    /// Writer: false if there is no room.
    bool push(std::string_view line) {
        const std::uint32_t head = head_.load(std::memory_order_relaxed);
        if (line.size() + 1 > capacity - (head - tail_.load(std::memory_order_acquire))) {
            return false;
        }
        std::uint32_t at = head;
        for (const char c : line) {
            bytes_[at++ % capacity] = c == '\n' ? ' ' : c;
        }
        bytes_[at++ % capacity] = '\n';
        head_.store(at, std::memory_order_release);
        return true;
    }
    /// Reader: the length of the oldest line, cut to the size of `line`; false if there is none.
    bool pop(std::span<char> line, std::size_t& length) {
        const std::uint32_t head = head_.load(std::memory_order_acquire);
        std::uint32_t at = tail_.load(std::memory_order_relaxed);
        if (at == head) {
            return false;
        }
        length = 0;
        while (at != head) {
            const char c = bytes_[at++ % capacity];
            if (c == '\n') {
                break;
            }
            if (length < line.size()) {
                line[length++] = c;
            }
        }
        tail_.store(at, std::memory_order_release);
        return true;
    }
    bool empty() const { return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire); }
    /// Writer: whether a line of that length fits.
    bool has_room(std::size_t length) const {
        return length + 1 <= capacity - (head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire));
    }

private:
    static_assert((capacity & (capacity - 1)) == 0, "positions wrap with their type");
    std::atomic<std::uint32_t> head_{0};
    std::atomic<std::uint32_t> tail_{0};
    char bytes_[capacity]{};
};

} // namespace bulkhead::root
