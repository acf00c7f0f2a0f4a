// SPDX-License-Identifier: Apache-2.0
// Puts the header together: layouts and conversions of every architecture, and which of them belong to a message.
#include "emit_parts.hpp"

namespace bulkhead::generator {
namespace {

constexpr const char* introduction =
    ".proto: what guests of each width pass, and the size-invariant\n"
    "// messages. `widen` takes a guest's structure into a message and loses nothing. `narrow` goes back; where a "
    "value\n"
    "// does not fit it says what that is to the guest, and `out` is then to be forgotten. `narrow_outputs` writes "
    "only\n"
    "// what the headers call OUT, as hypercalls do. Padding is ignored on the way in and zero on the way out.\n"
    "#pragma once\n\n#include <cstddef>\n#include <cstdint>\n\n#include <bulkhead/guest_layout.hpp>\n\n";

void emit_traits(std::ostream& out, const std::string& schema, const Structures& structures) {
    out << "\nnamespace bulkhead::guest {\n\n";
    std::string all;
    for (const auto& structure : structures) {
        if (structure->shared) {
            continue;
        }
        out << "template <> struct LayoutsOf<::" << structure->message << "> {\n"
            << "    using Wide = x86_64::" << structure->name << ";\n"
            << "    using Narrow = x86_32::" << structure->name << ";\n};\n";
        all += (all.empty() ? "::" : ", ::") + structure->message;
    }
    out << "using messages_of_" << schema << " = Messages<" << all << ">;\n";
    out << "\n} // namespace bulkhead::guest\n";
}

/// Every list of constants as an array, for those who must know what there is.
void emit_constants(std::ostream& out, const std::vector<Constant>& constants) {
    out << "\nnamespace bulkhead::guest {\n\n";
    for (std::size_t i = 0; i < constants.size();) {
        const std::string& list = constants[i].list;
        out << "inline constexpr std::int32_t all_of_" << list << "[] = {\n";
        for (; i < constants.size() && constants[i].list == list; ++i) {
            out << "    " << constants[i].value << ", // " << constants[i].name << "\n";
        }
        out << "};\n";
    }
    out << "\n} // namespace bulkhead::guest\n";
}

} // namespace

std::string emit_header(const std::string& schema, const Structures& structures,
                        const std::vector<Constant>& constants) {
    std::ostringstream out;
    out << "// SPDX-License-Identifier: Apache-2.0\n"
        << "// Generated from abi/schema/" << schema << introduction << "#include <" << schema << ".pb.h>\n";
    for (const Architecture& architecture : architectures) {
        out << "\nnamespace bulkhead::guest::" << architecture.name << " {\n\n";
        for (const auto& structure : structures) {
            emit_struct(out, architecture, *structure);
            if (!structure->shared) {
                emit_conversions(out, architecture, *structure);
            }
            out << "\n";
        }
        out << "} // namespace bulkhead::guest::" << architecture.name << "\n";
    }
    emit_traits(out, schema, structures);
    emit_constants(out, constants);
    return out.str();
}

} // namespace bulkhead::generator
