// SPDX-License-Identifier: Apache-2.0
// Writes the header with layouts and conversions.
#include <algorithm>
#include <sstream>

#include "emit.hpp"

namespace bulkhead::generator {
namespace {

std::string integer(std::uint32_t bytes, bool is_signed) {
    return std::string{is_signed ? "std::int" : "std::uint"} + std::to_string(bytes * 8) + "_t";
}

bool is_signed(guest::Type type) {
    return type == guest::I16 || type == guest::I32;
}

std::string type_name(const Architecture& architecture, const Member& member) {
    return member.nested != nullptr ? member.nested->name
                                    : integer(extent_of(architecture, member.type).size, is_signed(member.type));
}

/// Bytes of the C++ type in the message that carries it.
std::uint32_t carrier_bytes(guest::Type type) {
    return type == guest::U64 || type == guest::ULONG || type == guest::HANDLE || type == guest::HANDLE_64 ? 8 : 4;
}

std::string declaration(const Architecture& architecture, const Member& member) {
    const std::string array = member.count != 0 ? "[" + std::to_string(member.count) + "]" : "";
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

void emit_struct(std::ostream& out, const Architecture& architecture, const Structure& structure) {
    const Layout layout = lay_out(architecture, structure);
    out << "/// " << (structure.xen.empty() ? "A member's structure." : "struct " + structure.xen) << "\n"
        << "struct " << structure.name << " {\n";
    for (const Placed& placed : layout.items) {
        emit_padding(out, placed.padding_before, placed.offset - placed.padding_before);
        if (!placed.item->is_union()) {
            out << "    " << declaration(architecture, placed.item->only()) << "\n";
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
    emit_array_helpers(out, architecture, structure);
    out << "};\n"
        << "static_assert(sizeof(" << structure.name << ") == " << layout.size << " && alignof(" << structure.name
        << ") == " << layout.alignment << ");\n";
    for (const Placed& placed : layout.items) {
        out << "static_assert(offsetof(" << structure.name << ", " << placed.item->name << ") == " << placed.offset
            << ");\n";
    }
    out << "\n";
}

// --- guest to message: widening, which loses nothing

void emit_widen_member(std::ostream& out, const Member& member, const std::string& path, const std::string& indent) {
    if (member.nested != nullptr) {
        out << indent << "widen(in." << path << ", out." << path << ");\n";
    } else if (member.count != 0) {
        out << indent << "for (std::size_t i = 0; i < " << member.count << "; ++i) {\n"
            << indent << "    out." << path << "[i] = in." << path << "[i];\n"
            << indent << "}\n";
    } else {
        out << indent << "out." << path << " = in." << path << ";\n";
    }
}

void emit_widen(std::ostream& out, const Structure& structure) {
    out << "inline void widen(const " << structure.name << "& in, ::" << structure.message << "& out) {\n"
        << "    out = {};\n";
    for (const Item& item : structure.items) {
        if (!item.is_union()) {
            emit_widen_member(out, item.only(), item.name, "    ");
            continue;
        }
        out << "    switch (in." << item.discriminator << ") {\n";
        for (const Member& member : item.members) {
            out << "    case " << *member.when << ":\n"
                << "        out.which_" << item.name << " = " << structure.message << "_" << member.name << "_tag;\n";
            emit_widen_member(out, member, item.name + "." + member.name, "        ");
            out << "        break;\n";
        }
        out << "    default: // nothing is selected\n        break;\n    }\n";
    }
    out << "}\n";
}

// --- message to guest: narrowing, which refuses what does not fit

bool needs_check(const Architecture& architecture, const Member& member) {
    return member.nested == nullptr && extent_of(architecture, member.type).size < carrier_bytes(member.type);
}

void emit_narrow_member(std::ostream& out, const Architecture& architecture, const Member& member,
                        const std::string& path, const std::string& indent, const std::string& call) {
    if (member.nested != nullptr) {
        out << indent << "if (!" << call << "(in." << path << ", out." << path << ")) {\n"
            << indent << "    return false;\n"
            << indent << "}\n";
        return;
    }
    const std::string index = member.count != 0 ? "[i]" : "";
    std::string inner = indent;
    if (member.count != 0) {
        out << indent << "for (std::size_t i = 0; i < " << member.count << "; ++i) {\n";
        inner += "    ";
    }
    const std::string type = type_name(architecture, member);
    if (needs_check(architecture, member)) {
        out << inner << "if (static_cast<" << type << ">(in." << path << index << ") != in." << path << index << ") {\n"
            << inner << "    return false;\n"
            << inner << "}\n";
    }
    out << inner << "out." << path << index << " = static_cast<" << type << ">(in." << path << index << ");\n";
    if (member.count != 0) {
        out << indent << "}\n";
    }
}

void emit_narrow_union(std::ostream& out, const Architecture& architecture, const Structure& structure,
                       const Item& item, const std::string& call) {
    out << "    for (std::size_t i = 0; i < sizeof out." << item.name << ".bytes; ++i) {\n"
        << "        out." << item.name << ".bytes[i] = 0;\n    }\n"
        << "    switch (in.which_" << item.name << ") {\n    case 0:\n        break;\n";
    for (const Member& member : item.members) {
        out << "    case " << structure.message << "_" << member.name << "_tag:\n"
            << "        if (in." << item.discriminator << " != " << *member.when << ") {\n"
            << "            return false;\n        }\n";
        emit_narrow_member(out, architecture, member, item.name + "." + member.name, "        ", call);
        out << "        break;\n";
    }
    out << "    default:\n        return false;\n    }\n";
}

void emit_narrow(std::ostream& out, const Architecture& architecture, const Structure& structure, bool only_outputs) {
    const std::string call = only_outputs ? "narrow_outputs" : "narrow";
    out << "[[nodiscard]] inline bool " << call << "(const ::" << structure.message << "& in, " << structure.name
        << "& out) {\n";
    if (!only_outputs) {
        out << "    out = {};\n";
    }
    for (const Item& item : structure.items) {
        if (only_outputs && !item.is_output()) {
            continue;
        }
        if (item.is_union()) {
            emit_narrow_union(out, architecture, structure, item, call);
        } else {
            emit_narrow_member(out, architecture, item.only(), item.name, "    ", call);
        }
    }
    out << "    return true;\n}\n";
}

} // namespace

std::string emit_header(const std::string& schema, const Structures& structures) {
    std::ostringstream out;
    out << "// SPDX-License-Identifier: Apache-2.0\n"
        << "// Generated from abi/schema/" << schema
        << ".proto: what guests of each width pass, and the size-invariant\n"
        << "// messages. `widen` takes a guest's structure into a message and loses nothing. `narrow` goes back; it "
           "says\n"
        << "// false where a value does not fit, and `out` is then to be forgotten. `narrow_outputs` writes only what "
           "the\n"
        << "// headers call OUT, as hypercalls do. Padding is ignored on the way in and zero on the way out.\n"
        << "#pragma once\n\n#include <cstddef>\n#include <cstdint>\n\n#include <" << schema << ".pb.h>\n";
    for (const Architecture& architecture : architectures) {
        out << "\nnamespace bulkhead::guest::" << architecture.name << " {\n\n";
        for (const auto& structure : structures) {
            emit_struct(out, architecture, *structure);
            emit_widen(out, *structure);
            emit_narrow(out, architecture, *structure, false);
            if (structure->has_outputs()) {
                emit_narrow(out, architecture, *structure, true);
            }
            out << "\n";
        }
        out << "} // namespace bulkhead::guest::" << architecture.name << "\n";
    }
    return out.str();
}

} // namespace bulkhead::generator
