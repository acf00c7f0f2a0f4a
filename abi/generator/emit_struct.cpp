// SPDX-License-Identifier: Apache-2.0
// Writes the layouts: plain structures with every byte of padding named, and what is known about them when compiling.
#include "emit_parts.hpp"

namespace bulkhead::generator {
namespace {

std::string integer(std::uint32_t bytes, bool is_signed) {
    return std::string{is_signed ? "std::int" : "std::uint"} + std::to_string(bytes * 8) + "_t";
}

bool is_signed(guest::Type type) {
    return type == guest::I8 || type == guest::I16 || type == guest::I32;
}

std::string declaration(const Architecture& architecture, const Member& member) {
    const std::string array = member.is_array() ? "[" + std::to_string(count_of(architecture, member)) + "]" : "";
    return type_name(architecture, member) + " " + member.name + array + ";";
}

void emit_padding(std::ostream& out, std::uint32_t bytes, std::uint32_t offset) {
    if (bytes != 0) {
        out << "    std::uint8_t padding_at_" << offset << "[" << bytes << "];\n";
    }
}

/// The size of the array behind a handle, which a guest's count must not make wrap.
void emit_array_helpers(std::ostream& out, const Architecture& architecture, const Structure& structure) {
    for (const Item& item : structure.items) {
        for (const Member& member : item.members) {
            if (member.elements.empty()) {
                continue;
            }
            const std::uint32_t bytes = extent_of(architecture, member.element).size;
            out << "\n    using " << member.name << "_element = " << integer(bytes, is_signed(member.element)) << ";\n"
                << "    /// Bytes behind `" << member.name << "`; false: more than the guest can address.\n"
                << "    [[nodiscard]] constexpr bool " << member.name << "_bytes(std::uint64_t& bytes) const {\n"
                << "        return !__builtin_mul_overflow(std::uint64_t{" << member.elements << "}, std::uint64_t{"
                << bytes << "}, &bytes)";
            if (architecture.word < 8) {
                out << " && bytes <= 0x" << std::hex << ((std::uint64_t{1} << (8 * architecture.word)) - 1) << std::dec;
            }
            out << ";\n    }\n";
        }
    }
}

void emit_members(std::ostream& out, const Architecture& architecture, const Layout& layout) {
    for (const Placed& placed : layout.items) {
        emit_padding(out, placed.padding_before, placed.offset - placed.padding_before);
        if (!placed.item->is_union()) {
            const Member& member = placed.item->only();
            out << "    " << (member.trailing.empty() ? "" : "// then: ") << declaration(architecture, member) << "\n";
            continue;
        }
        out << "    union {\n";
        for (const Member& member : placed.item->members) {
            out << "        " << declaration(architecture, member) << " // " << placed.item->discriminator << " "
                << *member.when << "\n";
        }
        out << "        std::uint8_t bytes[" << placed.size << "];\n    } " << placed.item->name << ";\n";
    }
    emit_padding(out, layout.padding_after, layout.size - layout.padding_after);
}

/// Adjacent results are one copy; padding and what the guest keeps to itself are never written.
void emit_outputs(std::ostream& out, const Layout& layout) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
    for (const Placed& placed : layout.items) {
        if (!placed.item->is_output()) {
            continue;
        }
        if (!ranges.empty() && ranges.back().first + ranges.back().second == placed.offset) {
            ranges.back().second += placed.size;
        } else {
            ranges.emplace_back(placed.offset, placed.size);
        }
    }
    out << "\n    /// What an operation writes: nothing else in the guest's memory changes.\n"
        << "    static constexpr ByteRange outputs[] = {";
    for (const auto& [offset, size] : ranges) {
        out << "{" << offset << ", " << size << "}" << (offset == ranges.back().first ? "" : ", ");
    }
    out << "};\n";
}

} // namespace

std::string type_name(const Architecture& architecture, const Member& member) {
    if (member.nested != nullptr) {
        return member.nested->name;
    }
    const Extent extent = extent_of(architecture, member.type);
    return extent.alignment < extent.size ? "Unsigned64Aligned4" : integer(extent.size, is_signed(member.type));
}

void emit_struct(std::ostream& out, const Architecture& architecture, const Structure& structure) {
    const Layout layout = lay_out(architecture, structure);
    out << "/// " << (structure.xen.empty() ? "A member's structure." : "struct " + structure.xen) << "\n"
        << "struct " << structure.name << " {\n";
    emit_members(out, architecture, layout);
    emit_array_helpers(out, architecture, structure);
    if (structure.has_outputs() && !structure.shared) {
        emit_outputs(out, layout);
    }
    out << "};\n"
        << "static_assert(sizeof(" << structure.name << ") == " << layout.size << " && alignof(" << structure.name
        << ") == " << layout.alignment << ");\n";
    for (const Placed& placed : layout.items) {
        if (placed.item->only().trailing.empty()) {
            out << "static_assert(offsetof(" << structure.name << ", " << placed.item->name << ") == " << placed.offset
                << ");\n";
        }
    }
    out << "\n";
}

} // namespace bulkhead::generator
