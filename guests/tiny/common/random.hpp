// SPDX-License-Identifier: Apache-2.0
// Repeatable random numbers (xorshift64*).
#pragma once

#include <cstdint>

namespace bulkhead::guest {

class Random {
public:
    constexpr explicit Random(std::uint64_t seed) : state_{seed != 0 ? seed : 1} {}

    constexpr std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545'f491'4f6c'dd1d;
    }
    /// 0 to limit - 1.
    constexpr std::uint64_t below(std::uint64_t limit) { return (next() >> 16) % limit; }

private:
    std::uint64_t state_;
};

} // namespace bulkhead::guest
