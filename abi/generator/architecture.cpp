// SPDX-License-Identifier: Apache-2.0
// Offsets, sizes and holes of a structure on one architecture.
#include "architecture.hpp"

#include <algorithm>

namespace bulkhead::generator {
namespace {

constexpr std::uint32_t align_up(std::uint32_t value, std::uint32_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

Extent extent_of_item(const Architecture& architecture, const Item& item) {
    Extent extent;
    for (const Member& member : item.members) {
        const Extent one = extent_of(architecture, member);
        extent.size = std::max(extent.size, one.size);
        extent.alignment = std::max(extent.alignment, one.alignment);
    }
    extent.size = align_up(extent.size, extent.alignment);
    return extent;
}

} // namespace

Extent extent_of(const Architecture& architecture, guest::Type type) {
    switch (type) {
    case guest::U8:
    case guest::I8:
        return {1, 1};
    case guest::U16:
    case guest::I16:
        return {2, 2};
    case guest::U32:
    case guest::I32:
        return {4, 4};
    case guest::U64:
    case guest::HANDLE_64:
        return {8, architecture.align_64};
    case guest::ULONG:
    case guest::HANDLE:
        return {architecture.word, architecture.word};
    default:
        throw SchemaError(std::string{architecture.name}, "a type without a width");
    }
}

Extent extent_of(const Architecture& architecture, const Member& member) {
    Extent extent;
    if (member.nested != nullptr) {
        const Layout layout = lay_out(architecture, *member.nested);
        extent = {layout.size, layout.alignment};
    } else {
        extent = extent_of(architecture, member.type);
    }
    if (member.is_array()) {
        extent.size *= count_of(architecture, member);
    }
    return extent;
}

std::uint32_t count_of(const Architecture& architecture, const Member& member) {
    constexpr std::uint32_t bits = 8;
    return member.bits_of_word ? architecture.word * bits : member.count;
}

bool is_on(const Architecture& architecture, const Item& item) {
    return item.only().only.empty() || item.only().only == architecture.name;
}

Layout lay_out(const Architecture& architecture, const Structure& structure) {
    Layout layout;
    std::uint32_t at = 0;
    for (const Item& item : structure.items) {
        if (!is_on(architecture, item)) {
            continue;
        }
        const Extent extent = extent_of_item(architecture, item);
        const std::uint32_t named = item.only().padding;
        const guest::Type like = item.only().align;
        const std::uint32_t alignment = like == guest::UNSPECIFIED
                                            ? extent.alignment
                                            : std::max(extent.alignment, extent_of(architecture, like).alignment);
        const std::uint32_t offset = align_up(at + named, alignment);
        if (named != 0 && offset != at + named) {
            throw SchemaError(structure.name + "." + item.name, "its padding does not end where it is aligned");
        }
        layout.items.push_back({&item, offset - at, offset, extent.size});
        layout.alignment = std::max(layout.alignment, alignment);
        at = offset + extent.size;
    }
    layout.size = align_up(at, layout.alignment);
    layout.padding_after = layout.size - at;
    return layout;
}

} // namespace bulkhead::generator
