// SPDX-License-Identifier: Apache-2.0
// How each guest architecture's C compiler lays out structures (System V psABI of each). A further width is a further
// row. It must not know: protobuf's descriptors, nor the text that is generated.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model.hpp"

namespace bulkhead::generator {

struct Architecture {
    std::string_view name;  ///< of the generated namespace
    std::uint32_t word;     ///< bytes of an unsigned long and of a pointer
    std::uint32_t align_64; ///< alignment of a 64-bit integer inside a structure
};

inline constexpr std::array<Architecture, 2> architectures{{{"x86_64", 8, 8}, {"x86_32", 4, 4}}};

struct Extent {
    std::uint32_t size{0};
    std::uint32_t alignment{1};
};

/// Where an item lies.
struct Placed {
    const Item* item{nullptr};
    std::uint32_t padding_before{0}; ///< bytes of padding, named by the header or added by alignment
    std::uint32_t offset{0};
    std::uint32_t size{0};
};

struct Layout {
    std::vector<Placed> items;
    std::uint32_t size{0};
    std::uint32_t alignment{1};
    std::uint32_t padding_after{0};
};

Extent extent_of(const Architecture& architecture, guest::Type type);
Extent extent_of(const Architecture& architecture, const Member& member);
/// Elements of an array.
std::uint32_t count_of(const Architecture& architecture, const Member& member);
/// Whether guests of that architecture have it.
bool is_on(const Architecture& architecture, const Item& item);
/// Throws SchemaError where a header's named padding does not lead to the member's alignment.
Layout lay_out(const Architecture& architecture, const Structure& structure);

} // namespace bulkhead::generator
