// SPDX-License-Identifier: Apache-2.0
// A queue of bytes of fixed size. It must not know: what the bytes are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bulkhead::console {

template <std::size_t capacity> class ByteQueue {
public:
    static_assert((capacity & (capacity - 1)) == 0, "the indices wrap by masking");

    std::size_t size() const { return tail_ - head_; }
    std::size_t room() const { return capacity - size(); }
    bool empty() const { return head_ == tail_; }

    [[nodiscard]] bool push(std::uint8_t byte) {
        if (room() == 0) {
            return false;
        }
        bytes_[tail_++ % capacity] = byte;
        return true;
    }
    /// Only when not empty.
    std::uint8_t front() const { return bytes_[head_ % capacity]; }
    std::uint8_t pop() { return bytes_[head_++ % capacity]; }
    void clear() { head_ = tail_; }

private:
    std::array<std::uint8_t, capacity> bytes_{};
    std::size_t head_{0};
    std::size_t tail_{0};
};

} // namespace bulkhead::console
