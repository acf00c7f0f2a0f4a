// SPDX-License-Identifier: Apache-2.0
// Writes the comparison with libxen-dev's headers: C that a compiler for the guest's architecture checks.
#include <sstream>

#include "emit.hpp"

namespace bulkhead::generator {
namespace {

bool has_sign(const Member& member) {
    return member.nested == nullptr && member.type != guest::HANDLE && member.type != guest::HANDLE_64 &&
           member.type != guest::UNSPECIFIED && !member.is_text;
}

bool is_signed(guest::Type type) {
    return type == guest::I8 || type == guest::I16 || type == guest::I32;
}

/// One structure of the header on one architecture.
class Comparison {
public:
    Comparison(std::ostream& out, const Architecture& architecture, const Structure& structure)
        : out_{out}, architecture_{architecture}, structure_{structure} {}

    void write() {
        const Layout layout = lay_out(architecture_, structure_);
        out_ << "_Static_assert(sizeof(struct " << structure_.xen << ") == " << layout.size << " && _Alignof(struct "
             << structure_.xen << ") == " << layout.alignment << ", \"" << structure_.name << "\");\n";
        members(structure_, layout, 0, "");
        out_ << "\n";
    }

private:
    void members(const Structure& structure, const Layout& layout, std::uint32_t base, const std::string& prefix) {
        for (const Placed& placed : layout.items) {
            for (const Member& member : placed.item->members) {
                const bool named = member.xen != member.name || !placed.item->is_union();
                member_at(member, base + placed.offset,
                          prefix + (named ? member.xen : placed.item->name + "." + member.name));
            }
        }
        (void)structure;
    }

    void member_at(const Member& member, std::uint32_t offset, const std::string& path) {
        const std::string theirs = "((struct " + structure_.xen + "*)0)->" + path;
        out_ << "_Static_assert(offsetof(struct " << structure_.xen << ", " << path << ") == " << offset;
        if (member.trailing.empty()) {
            out_ << " && sizeof(" << theirs << ") == " << extent_of(architecture_, member).size;
        }
        out_ << ", \"" << path << "\");\n";
        if (has_sign(member)) {
            out_ << "_Static_assert(((__typeof__(" << theirs << (member.is_array() ? "[0]" : "")
                 << "))-1 < 0) == " << is_signed(member.type) << ", \"" << path << "\");\n";
        }
        if (member.nested != nullptr) {
            members(*member.nested, lay_out(architecture_, *member.nested), offset,
                    path + (member.is_array() ? "[0]." : "."));
        }
    }

    std::ostream& out_;
    const Architecture& architecture_;
    const Structure& structure_;
};

} // namespace

std::string emit_check(const std::string& schema, const Architecture& architecture, const Structures& structures,
                       const std::vector<Constant>& constants) {
    std::ostringstream out;
    out << "/* SPDX-License-Identifier: Apache-2.0 */\n"
        << "/* Generated from abi/schema/" << schema
        << ".proto: its layouts and numbers are those of Debian's libxen-dev headers, compiled for "
        << architecture.name << ". */\n#include \"public_headers.h\"\n\n";
    for (const auto& structure : structures) {
        if (!structure->xen.empty()) {
            Comparison{out, architecture, *structure}.write();
        }
    }
    for (const Constant& constant : constants) {
        out << "_Static_assert((long long)(" << constant.name << ") == " << constant.value << ", \"" << constant.name
            << "\");\n";
    }
    return out.str();
}

} // namespace bulkhead::generator
