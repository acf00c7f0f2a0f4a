// SPDX-License-Identifier: Apache-2.0
// Writes the conversions between a layout and its message.
#include "emit_parts.hpp"

namespace bulkhead::generator {
namespace {

/// Bytes of the C++ type in the message that carries it.
std::uint32_t carrier_bytes(const Member& member) {
    if (member.is_text) {
        return 1;
    }
    switch (member.type) {
    case guest::U64:
    case guest::ULONG:
    case guest::HANDLE:
    case guest::HANDLE_64:
        return 8;
    default:
        return 4;
    }
}

/// Members that a conversion leaves alone.
bool is_behind(const Item& item) {
    return !item.only().trailing.empty();
}

std::string masked(const Item& item) {
    const std::string value = "in." + item.discriminator;
    return item.mask == 0 ? value : "(" + value + " & " + std::to_string(item.mask) + "u)";
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
        if (is_behind(item)) {
            continue;
        }
        if (!item.is_union()) {
            if (item.only().nested != nullptr) {
                out << "    out.has_" << item.name << " = true;\n"; // or the codec would leave it out
            }
            emit_widen_member(out, item.only(), item.name, "    ");
            continue;
        }
        out << "    switch (" << masked(item) << ") {\n";
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
    return member.nested == nullptr && extent_of(architecture, member.type).size < carrier_bytes(member);
}

std::string misfit_name(guest::Misfit misfit) {
    switch (misfit) {
    case guest::MISFIT_RANGE:
        return "Fit::range";
    case guest::MISFIT_INVALID:
        return "Fit::invalid";
    default:
        return "Fit::overflow";
    }
}

void emit_narrow_member(std::ostream& out, const Architecture& architecture, const Member& member,
                        const std::string& path, const std::string& indent, const std::string& call) {
    if (member.nested != nullptr) {
        out << indent << "if (const Fit fit = " << call << "(in." << path << ", out." << path
            << "); fit != Fit::fits) {\n"
            << indent << "    return fit;\n"
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
            << inner << "    return " << misfit_name(member.misfit) << ";\n"
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
            << "        if (" << masked(item) << " != " << *member.when << ") {\n"
            << "            return Fit::invalid;\n        }\n";
        emit_narrow_member(out, architecture, member, item.name + "." + member.name, "        ", call);
        out << "        break;\n";
    }
    out << "    default:\n        return Fit::invalid;\n    }\n";
}

void emit_narrow(std::ostream& out, const Architecture& architecture, const Structure& structure, bool only_outputs) {
    // A structure whose members are all results of the one that holds it is converted as a whole.
    const std::string call = only_outputs ? "narrow_outputs" : "narrow";
    out << "[[nodiscard]] inline Fit " << call << "(const ::" << structure.message << "& in, " << structure.name
        << "& out) {\n";
    if (!only_outputs) {
        out << "    out = {};\n";
    }
    for (const Item& item : structure.items) {
        if (is_behind(item) || (only_outputs && !item.is_output())) {
            continue;
        }
        if (item.is_union()) {
            emit_narrow_union(out, architecture, structure, item, call);
        } else {
            emit_narrow_member(out, architecture, item.only(), item.name, "    ", call);
        }
    }
    out << "    return Fit::fits;\n}\n";
}

} // namespace

void emit_conversions(std::ostream& out, const Architecture& architecture, const Structure& structure) {
    emit_widen(out, structure);
    emit_narrow(out, architecture, structure, false);
    if (structure.has_outputs()) {
        emit_narrow(out, architecture, structure, true);
    }
}

} // namespace bulkhead::generator
