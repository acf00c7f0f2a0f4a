// SPDX-License-Identifier: Apache-2.0
#include "wire.hpp"

#include <fuzzer/FuzzedDataProvider.h>

namespace bulkhead::fuzz {

namespace {

constexpr std::uint32_t max_field = 16;  ///< no request has more kinds, no structure more fields
constexpr std::uint32_t max_fields = 10; ///< of one structure

void put_varint(Bytes& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
        to.push_back(static_cast<std::uint8_t>(value | 0x80));
    }
    to.push_back(static_cast<std::uint8_t>(value));
}

/// Numbers that mean something to somebody: small ones, sizes, the ends of ranges; or any.
std::uint64_t number(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange(0, 7)) {
    case 0:
        return input.ConsumeIntegral<std::uint64_t>();
    case 1:
        return input.ConsumeIntegral<std::uint16_t>();
    case 2:
        return std::uint64_t{1} << input.ConsumeIntegralInRange(0, 63);
    case 3:
        return ~std::uint64_t{0} >> input.ConsumeIntegralInRange(0, 63);
    default:
        return input.ConsumeIntegralInRange<std::uint64_t>(0, 8);
    }
}

void put_block(Bytes& to, std::uint32_t field, const Bytes& block) {
    put_varint(to, field << 3 | 2);
    put_varint(to, block.size());
    to.insert(to.end(), block.begin(), block.end());
}

/// Fields in any order, each a number, a list of numbers, a structure (to that depth), or text.
Bytes structure(FuzzedDataProvider& input, std::uint32_t depth) {
    Bytes bytes;
    const auto fields = input.ConsumeIntegralInRange<std::uint32_t>(0, max_fields);
    for (std::uint32_t i = 0; i < fields && input.remaining_bytes() != 0; ++i) {
        const auto field = input.ConsumeIntegralInRange<std::uint32_t>(1, max_field);
        const auto kind = input.ConsumeIntegralInRange(0, 7);
        if (kind == 0 && depth != 0) {
            put_block(bytes, field, structure(input, depth - 1));
        } else if (kind == 1) {
            Bytes list;
            for (auto left = input.ConsumeIntegralInRange<std::uint32_t>(0, 40); left != 0; --left) {
                put_varint(list, number(input));
            }
            put_block(bytes, field, list);
        } else if (kind == 2) {
            put_block(bytes, field, input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, 64)));
        } else {
            put_varint(bytes, field << 3);
            put_varint(bytes, number(input));
        }
    }
    return bytes;
}

} // namespace

Bytes request(FuzzedDataProvider& input, std::size_t limit) {
    Bytes bytes;
    put_block(bytes, input.ConsumeIntegralInRange<std::uint32_t>(1, max_field), structure(input, 2));
    if (bytes.size() > limit) {
        bytes.resize(limit);
    }
    return bytes;
}

Bytes message(FuzzedDataProvider& input, std::size_t limit) {
    if (input.ConsumeIntegralInRange(0, 3) != 0) {
        return request(input, limit);
    }
    return input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, limit < 128 ? limit : 128));
}

} // namespace bulkhead::fuzz
