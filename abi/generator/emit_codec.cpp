// SPDX-License-Identifier: Apache-2.0
// Writes straight-line codecs for messages that the schema calls hot: no table is walked, no callback is called. They
// write what nanopb writes, field by field in the order of numbers. They read what they write; of anything else they
// say false, and nanopb is to be asked.
#include <algorithm>

#include "emit_parts.hpp"

namespace bulkhead::generator {
namespace {

constexpr std::uint32_t last_short_number = 15; // its key is one byte

struct Field {
    const Item* item;
    const Member* member;
};

bool is_wide(const Member& member) {
    return member.type == guest::U64 || member.type == guest::ULONG || member.type == guest::HANDLE ||
           member.type == guest::HANDLE_64;
}

bool has_sign(const Member& member) {
    return member.type == guest::I8 || member.type == guest::I16 || member.type == guest::I32;
}

/// All of them, in the order of their numbers.
std::vector<Field> fields_of(const Structure& structure) {
    std::vector<Field> fields;
    for (const Item& item : structure.items) {
        for (const Member& member : item.members) {
            if (member.nested != nullptr || member.is_array() || member.number > last_short_number) {
                throw SchemaError(structure.name + "." + member.name,
                                  "a hot message has numbered scalars only, up to 15");
            }
            fields.push_back({&item, &member});
        }
    }
    std::sort(fields.begin(), fields.end(),
              [](const Field& a, const Field& b) { return a.member->number < b.member->number; });
    return fields;
}

std::string path_of(const Field& field) {
    return field.item->is_union() ? field.item->name + "." + field.member->name : field.member->name;
}

std::string tag_of(const Structure& structure, const Field& field) {
    return structure.message + "_" + field.member->name + "_tag";
}

/// Members of a union are there when the union says so, others when they are not 0 (proto3).
void emit_encode(std::ostream& out, const Structure& structure) {
    out << "/// False: there is no room.\n"
        << "[[nodiscard]] inline bool encode_straight(const ::" << structure.message
        << "& m, std::span<std::uint8_t> bytes, std::size_t& size) {\n    wire::Writer writer{bytes};\n";
    for (const Field& field : fields_of(structure)) {
        const std::string value = "m." + path_of(field);
        const std::string condition = field.item->is_union()
                                          ? "m.which_" + field.item->name + " == " + tag_of(structure, field)
                                          : value + " != 0";
        out << "    if (" << condition << ") {\n"
            << "        writer.byte(" << field.member->number * 8 << ");\n"
            << "        writer.varint(" << (has_sign(*field.member) ? "wire::zigzag(" + value + ")" : value)
            << ");\n    }\n";
    }
    out << "    size = writer.size();\n    return writer.fits();\n}\n";
}

void emit_decode(std::ostream& out, const Structure& structure) {
    out << "/// False: not what encode_straight writes; ask nanopb.\n"
        << "[[nodiscard]] inline bool decode_straight(std::span<const std::uint8_t> bytes, ::" << structure.message
        << "& m) {\n    m = {};\n    wire::Reader reader{bytes};\n    std::uint64_t value = 0;\n";
    for (const Field& field : fields_of(structure)) {
        const bool wide = is_wide(*field.member);
        const std::string type = wide ? "value" : "static_cast<std::uint32_t>(value)";
        out << "    if (reader.take_key(" << field.member->number * 8 << ")) {\n"
            << "        if (!reader.varint(value, " << (wide ? "~std::uint64_t{0}" : "0xffff'ffff") << ")) {\n"
            << "            return false;\n        }\n";
        if (field.item->is_union()) {
            out << "        m.which_" << field.item->name << " = " << tag_of(structure, field) << ";\n";
        }
        out << "        m." << path_of(field) << " = " << (has_sign(*field.member) ? "wire::unzigzag(value)" : type)
            << ";\n    }\n";
    }
    out << "    return reader.at_end();\n}\n";
}

} // namespace

void emit_codec(std::ostream& out, const Structure& structure) {
    emit_encode(out, structure);
    emit_decode(out, structure);
}

} // namespace bulkhead::generator
