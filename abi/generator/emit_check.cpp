// SPDX-License-Identifier: Apache-2.0
// Writes the comparison with libxen-dev's headers, which describe a 64-bit guest.
#include <sstream>

#include "emit.hpp"

namespace bulkhead::generator {
namespace {

bool has_sign(guest::Type type) {
    return type != guest::HANDLE && type != guest::HANDLE_64 && type != guest::UNSPECIFIED;
}

void check_member(std::ostream& out, const std::string& ours, const std::string& theirs, const Member& member,
                  const std::string& path) {
    out << "static_assert(offsetof(" << ours << ", " << path << ") == offsetof(" << theirs << ", " << path << "));\n"
        << "static_assert(sizeof(std::declval<" << ours << ">()." << path << ") == sizeof(std::declval<" << theirs
        << ">()." << path << "));\n";
    if (has_sign(member.type)) {
        const std::string index = member.count != 0 ? "[0]" : "";
        out << "static_assert(same_sign<decltype(std::declval<" << ours << "&>()." << path << index
            << "), decltype(std::declval<" << theirs << "&>()." << path << index << ")>);\n";
    }
    if (member.nested != nullptr) {
        for (const Item& item : member.nested->items) {
            check_member(out, ours, theirs, item.only(), path + "." + item.name);
        }
    }
}

} // namespace

std::string emit_check(const std::string& schema, const Structures& structures) {
    std::ostringstream out;
    out << "// SPDX-License-Identifier: Apache-2.0\n"
        << "// Generated from abi/schema/" << schema
        << ".proto: the layouts are those of Debian's libxen-dev headers.\n"
        << "#include <bulkhead/xen.hpp>\n\n#include <type_traits>\n#include <utility>\n\n#include <" << schema
        << ".layout.hpp>\n\nnamespace {\n\n"
        << "template <typename A, typename B>\nconstexpr bool same_sign = "
        << "std::is_signed_v<std::remove_cvref_t<A>> == std::is_signed_v<std::remove_cvref_t<B>>;\n\n";
    for (const auto& structure : structures) {
        if (structure->xen.empty()) {
            continue;
        }
        const std::string ours = "bulkhead::guest::x86_64::" + structure->name;
        const std::string theirs = "::" + structure->xen;
        out << "static_assert(sizeof(" << ours << ") == sizeof(" << theirs << ") && alignof(" << ours << ") == alignof("
            << theirs << "));\n";
        for (const Item& item : structure->items) {
            if (item.is_union()) {
                check_member(out, ours, theirs, Member{}, item.name);
            }
            for (const Member& member : item.members) {
                check_member(out, ours, theirs, member, item.is_union() ? item.name + "." + member.name : item.name);
            }
        }
        out << "\n";
    }
    out << "} // namespace\n";
    return out.str();
}

} // namespace bulkhead::generator
