// SPDX-License-Identifier: Apache-2.0
// NAME.codec.hpp: straight-line codecs. Every message between components whose fields are numbers, messages, or
// repeated ones of these has one; of what it cannot express (text, a number above 15) the codec says so when it meets
// it, and nanopb is asked. A guest's structure that is hot has one that expresses everything. Fields go by their
// numbers, as nanopb writes them.
#include "emit_message.hpp"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "guest_layout.pb.h"
#include "model.hpp"

namespace bulkhead::generator {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int last_short_number = 15; // its key is one byte
constexpr int length_delimited = 2;

std::string c_name(const Descriptor& message) {
    std::string name = message.full_name();
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
}

/// The least and the largest value that the schema lists, in whatever order it does.
std::pair<int, int> range_of(const google::protobuf::EnumDescriptor& list) {
    std::pair<int, int> range{list.value(0)->number(), list.value(0)->number()};
    for (int i = 1; i < list.value_count(); ++i) {
        range.first = std::min(range.first, list.value(i)->number());
        range.second = std::max(range.second, list.value(i)->number());
    }
    return range;
}

bool is_number(const FieldDescriptor& field) {
    switch (field.type()) {
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_UINT64:
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_BOOL:
        return true;
    case FieldDescriptor::TYPE_ENUM:
        return range_of(*field.enum_type()).first >= 0; // a negative one is ten bytes, sign-extended
    default:
        return false;
    }
}

bool supported(const Descriptor& message);

bool supported(const FieldDescriptor& field) {
    if (field.number() > last_short_number || field.has_optional_keyword()) {
        return false;
    }
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
        // A single message that is not one of several would have a flag of its own: none of ours has one.
        return (field.is_repeated() || field.real_containing_oneof() != nullptr) && supported(*field.message_type());
    }
    return is_number(field) && (!field.is_repeated() || field.type() == FieldDescriptor::TYPE_UINT64);
}

std::vector<const FieldDescriptor*> fields_of(const Descriptor& message) {
    std::vector<const FieldDescriptor*> fields;
    for (int i = 0; i < message.field_count(); ++i) {
        fields.push_back(message.field(i));
    }
    std::sort(fields.begin(), fields.end(),
              [](const FieldDescriptor* a, const FieldDescriptor* b) { return a->number() < b->number(); });
    return fields;
}

/// Members of a union may be missing: that member is nanopb's then.
bool supported(const Descriptor& message) {
    const auto fields = fields_of(message);
    return std::all_of(fields.begin(), fields.end(), [](const FieldDescriptor* field) {
        return field->real_containing_oneof() != nullptr || supported(*field);
    });
}

/// Of guests' structures only the hot ones are worth it, and nothing in them is left to nanopb.
bool is_wanted(const Descriptor& message) {
    if (!message.options().HasExtension(guest::is)) {
        return supported(message);
    }
    if (!message.options().GetExtension(guest::is).hot()) {
        return false;
    }
    for (const FieldDescriptor* field : fields_of(message)) {
        if (!supported(*field) ||
            (field->type() == FieldDescriptor::TYPE_MESSAGE && !is_wanted(*field->message_type()))) {
            throw SchemaError(field->full_name(), "a hot message has only what a straight-line codec can express");
        }
    }
    return true;
}

int key_of(const FieldDescriptor& field) {
    const bool by_length = field.type() == FieldDescriptor::TYPE_MESSAGE || field.is_repeated();
    return field.number() * 8 + (by_length ? length_delimited : 0);
}

std::string to_wire(const FieldDescriptor& field, const std::string& value) {
    switch (field.type()) {
    case FieldDescriptor::TYPE_SINT32:
        return "zigzag(" + value + ")";
    case FieldDescriptor::TYPE_ENUM:
        return "number_of(" + value + ")";
    default:
        return value;
    }
}

/// The C type of a number, as nanopb has it.
std::string c_type(const FieldDescriptor& field) {
    switch (field.type()) {
    case FieldDescriptor::TYPE_UINT32:
        return "std::uint32_t";
    case FieldDescriptor::TYPE_BOOL:
        return "bool";
    case FieldDescriptor::TYPE_ENUM: {
        std::string name = field.enum_type()->full_name();
        std::replace(name.begin(), name.end(), '.', '_');
        return "::" + name;
    }
    default:
        return "std::uint64_t";
    }
}
std::string from_wire(const FieldDescriptor& field) {
    if (field.type() == FieldDescriptor::TYPE_SINT32) {
        return "unzigzag(value)";
    }
    return field.type() == FieldDescriptor::TYPE_UINT64 ? "value" : "static_cast<" + c_type(field) + ">(value)";
}
std::string limit_of(const FieldDescriptor& field) {
    switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
        return "1";
    case FieldDescriptor::TYPE_ENUM:
        return std::to_string(range_of(*field.enum_type()).second);
    case FieldDescriptor::TYPE_UINT64:
        return "~std::uint64_t{0}";
    default:
        return "0xffff'ffff";
    }
}

std::string tag_of(const FieldDescriptor& field) {
    return c_name(*field.containing_type()) + "_" + field.name() + "_tag";
}

/// The largest message, for which there is room, has no enum's value but those that the schema lists.
void refuse_beyond_limit(std::ostream& out, const FieldDescriptor& field, const std::string& value,
                         const std::string& indent) {
    if (field.type() == FieldDescriptor::TYPE_ENUM) {
        out << indent << "if (" << to_wire(field, value) << " > " << limit_of(field) << ") {\n"
            << indent << "    return false;\n"
            << indent << "}\n";
    }
}

void put_repeated(std::ostream& out, const FieldDescriptor& field) {
    const std::string name = "m." + field.name();
    out << "    if (" << name << "_count > std::size(" << name << ")) {\n        return false;\n    }\n";
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
        out << "    for (std::size_t i = 0; i < " << name << "_count; ++i) {\n"
            << "        std::uint8_t* const begun = out.begin(" << key_of(field) << ");\n"
            << "        if (!put(out, " << name << "[i])) {\n            return false;\n        }\n"
            << "        out.end(begun);\n    }\n";
    } else {
        out << "    if (" << name << "_count != 0) {\n"
            << "        std::uint8_t* const begun = out.begin(" << key_of(field) << ");\n"
            << "        for (std::size_t i = 0; i < " << name << "_count; ++i) {\n"
            << "            out.varint(" << name << "[i]);\n        }\n        out.end(begun);\n    }\n";
    }
}

void put_choice(std::ostream& out, const FieldDescriptor& field) {
    const std::string& choice = field.real_containing_oneof()->name();
    const std::string value = "m." + choice + "." + field.name();
    out << "    if (m.which_" << choice << " == " << tag_of(field) << ") {\n";
    if (!supported(field)) {
        out << "        return false;\n    }\n";
    } else if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
        out << "        std::uint8_t* const begun = out.begin(" << key_of(field) << ");\n"
            << "        if (!put(out, " << value << ")) {\n            return false;\n        }\n"
            << "        out.end(begun);\n    }\n";
    } else {
        refuse_beyond_limit(out, field, value, "        ");
        out << "        out.byte(" << key_of(field) << ");\n        out.varint(" << to_wire(field, value)
            << ");\n    }\n";
    }
}

void emit_put(std::ostream& out, const Descriptor& message) {
    out << "[[nodiscard]] inline bool put(Output& out, const ::" << c_name(message) << "& m) {\n";
    for (const FieldDescriptor* field : fields_of(message)) {
        if (field->real_containing_oneof() != nullptr) {
            put_choice(out, *field);
        } else if (field->is_repeated()) {
            put_repeated(out, *field);
        } else {
            refuse_beyond_limit(out, *field, "m." + field->name(), "    ");
            out << "    out.field(" << key_of(*field) << ", " << to_wire(*field, "m." + field->name()) << ");\n";
        }
    }
    out << "    return true;\n}\n";
}

void take_repeated(std::ostream& out, const FieldDescriptor& field) {
    const std::string name = "m." + field.name();
    const bool messages = field.type() == FieldDescriptor::TYPE_MESSAGE;
    out << "    " << name << "_count = 0;\n"
        << "    " << (messages ? "while" : "if") << " (in.take_key(" << key_of(field) << ")) {\n"
        << "        Input inner;\n";
    if (messages) {
        out << "        if (" << name << "_count == std::size(" << name << ") || !in.part(inner) || !take(inner, "
            << name << "[" << name << "_count])) {\n            return false;\n        }\n"
            << "        ++" << name << "_count;\n    }\n";
    } else {
        out << "        if (!in.part(inner)) {\n            return false;\n        }\n"
            << "        for (; !inner.at_end(); ++" << name << "_count) {\n"
            << "            if (" << name << "_count == std::size(" << name << ") || !inner.varint(" << name << "["
            << name << "_count], " << limit_of(field) << ")) {\n                return false;\n            }\n"
            << "        }\n    }\n";
    }
}

void take_choice(std::ostream& out, const FieldDescriptor& field) {
    const std::string& choice = field.real_containing_oneof()->name();
    const std::string value = "m." + choice + "." + field.name();
    out << "    if (in.take_key(" << key_of(field) << ")) {\n";
    if (!supported(field)) {
        out << "        return false;\n    }\n";
        return;
    }
    out << "        m.which_" << choice << " = " << tag_of(field) << ";\n";
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
        out << "        Input inner;\n        if (!in.part(inner) || !take(inner, " << value
            << ")) {\n            return false;\n        }\n    }\n";
    } else {
        out << "        std::uint64_t value = 0;\n        if (!in.varint(value, " << limit_of(field)
            << ")) {\n            return false;\n        }\n        " << value << " = " << from_wire(field)
            << ";\n    }\n";
    }
}

void emit_take(std::ostream& out, const Descriptor& message) {
    out << "[[nodiscard]] inline bool take(Input& in, ::" << c_name(message) << "& m) {\n";
    const auto fields = fields_of(message);
    const bool numbers = std::any_of(fields.begin(), fields.end(), [](const FieldDescriptor* field) {
        return field->real_containing_oneof() == nullptr && !field->is_repeated();
    });
    if (numbers) {
        out << "    std::uint64_t value = 0;\n";
    }
    for (int i = 0; i < message.real_oneof_decl_count(); ++i) {
        out << "    m.which_" << message.oneof_decl(i)->name() << " = 0;\n";
    }
    for (const FieldDescriptor* field : fields) {
        if (field->real_containing_oneof() != nullptr) {
            take_choice(out, *field);
        } else if (field->is_repeated()) {
            take_repeated(out, *field);
        } else {
            out << "    if (!in.field(" << key_of(*field) << ", " << limit_of(*field)
                << ", value)) {\n        return false;\n    }\n    m." << field->name() << " = " << from_wire(*field)
                << ";\n";
        }
    }
    out << "    return in.at_end();\n}\n";
}

void emit_trait(std::ostream& out, const std::string& name) {
    out << "template <> struct StraightCodec<::" << name << "> {\n"
        << "    static constexpr std::size_t max_size = " << name << "_size;\n"
        << "    static std::size_t encode(const ::" << name << "& m, std::uint8_t* to) {\n"
        << "        straight::Output out{to};\n"
        << "        return straight::put(out, m) ? static_cast<std::size_t>(out.at() - to) : 0;\n    }\n"
        << "    static bool decode(std::span<const std::uint8_t> bytes, ::" << name << "& m) {\n"
        << "        straight::Input in{bytes};\n        return straight::take(in, m);\n    }\n};\n";
}

} // namespace

std::string emit_message_codecs(const google::protobuf::FileDescriptor& file) {
    const std::string base = file.name().substr(0, file.name().rfind(".proto"));
    std::ostringstream out;
    out << "// Generated from " << file.name() << ".\n#pragma once\n\n#include <iterator>\n\n"
        << "#include <bulkhead/straight.hpp>\n\n#include \"" << base << ".pb.h\"\n\nnamespace bulkhead::straight {\n\n";
    std::vector<std::string> names;
    for (int i = 0; i < file.message_type_count(); ++i) {
        const Descriptor& message = *file.message_type(i);
        if (is_wanted(message)) { // protoc has seen to it that what it is made of exists; ours stands above it
            emit_put(out, message);
            emit_take(out, message);
            out << '\n';
            names.push_back(c_name(message));
        }
    }
    out << "} // namespace bulkhead::straight\n\nnamespace bulkhead {\n\n";
    for (const std::string& name : names) {
        emit_trait(out, name);
    }
    out << "\n} // namespace bulkhead\n";
    return out.str();
}

} // namespace bulkhead::generator
