// SPDX-License-Identifier: Apache-2.0
// Descriptors into structures; every combination of options that makes no sense is refused here.
#include "model.hpp"

#include <algorithm>
#include <set>

namespace bulkhead::generator {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

/// The message's field must be able to carry every value of the guest's.
bool carries(FieldDescriptor::Type field, guest::Type type) {
    switch (type) {
    case guest::U8:
        return field == FieldDescriptor::TYPE_UINT32 || field == FieldDescriptor::TYPE_BYTES;
    case guest::U16:
    case guest::U32:
        return field == FieldDescriptor::TYPE_UINT32;
    case guest::I8:
    case guest::I16:
    case guest::I32:
        return field == FieldDescriptor::TYPE_SINT32;
    case guest::U64:
    case guest::ULONG:
    case guest::HANDLE:
    case guest::HANDLE_64:
        return field == FieldDescriptor::TYPE_UINT64;
    default:
        return false;
    }
}

const Structure* find_structure(const FieldDescriptor& field, const std::vector<std::unique_ptr<Structure>>& known) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const std::unique_ptr<Structure>& structure) {
        return structure->name == field.message_type()->name();
    });
    if (found == known.end()) {
        throw SchemaError(field.full_name(), "a structure must be described before it is used, in the same file");
    }
    return found->get();
}

void check_member(const FieldDescriptor& field, const Member& member) {
    if ((field.is_repeated() || member.is_text) != member.is_array()) {
        throw SchemaError(field.full_name(), "`repeated` and `count` go together");
    }
    if (!member.elements.empty() && (member.type != guest::HANDLE || member.element == guest::UNSPECIFIED)) {
        throw SchemaError(field.full_name(), "only a HANDLE has elements, of some type");
    }
}

Member read_member(const FieldDescriptor& field, const std::vector<std::unique_ptr<Structure>>& known) {
    if (!field.options().HasExtension(guest::at)) {
        throw SchemaError(field.full_name(), "says nothing about its layout: (at) is missing");
    }
    const guest::FieldLayout& layout = field.options().GetExtension(guest::at);
    Member member;
    member.name = field.name();
    member.number = static_cast<std::uint32_t>(field.number());
    member.type = layout.type();
    member.direction = layout.direction();
    member.padding = layout.padding();
    member.count = layout.count();
    member.element = layout.element();
    member.elements = layout.elements();
    member.xen = layout.xen().empty() ? field.name() : layout.xen();
    member.align = layout.align();
    member.misfit = layout.misfit();
    member.bits_of_word = layout.bits_of_word();
    member.only = layout.only();
    member.trailing = layout.trailing();
    member.is_text = field.type() == FieldDescriptor::TYPE_BYTES;
    if (layout.has_when()) {
        member.when = layout.when();
    }
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
        member.nested = find_structure(field, known);
        if (member.type != guest::UNSPECIFIED) {
            throw SchemaError(field.full_name(), "a structure has no type");
        }
    } else if (!carries(field.type(), member.type)) {
        throw SchemaError(field.full_name(),
                          std::string{field.type_name()} + " does not carry a " + guest::Type_Name(member.type));
    }
    check_member(field, member);
    return member;
}

const Item* find_item(const Structure& structure, const std::string& name) {
    for (const Item& item : structure.items) {
        if (item.name == name && !item.is_union()) {
            return &item;
        }
    }
    return nullptr;
}

Item read_union(const OneofDescriptor& oneof, const std::vector<std::unique_ptr<Structure>>& known) {
    Item item;
    item.name = oneof.name();
    item.discriminator = oneof.options().GetExtension(guest::by).discriminator();
    item.mask = oneof.options().GetExtension(guest::by).mask();
    if (item.discriminator.empty()) {
        throw SchemaError(oneof.full_name(), "a union needs a discriminator");
    }
    std::set<std::uint32_t> values;
    for (int i = 0; i < oneof.field_count(); ++i) {
        const Member member = read_member(*oneof.field(i), known);
        if (!member.when || !values.insert(*member.when).second) {
            throw SchemaError(oneof.field(i)->full_name(), "needs a `when` of its own");
        }
        if (member.padding != 0 || member.is_array() || member.direction != (i == 0 ? member : item.only()).direction) {
            throw SchemaError(oneof.field(i)->full_name(), "members of a union have one direction and no padding");
        }
        item.members.push_back(member);
    }
    return item;
}

/// A count that nobody can find is a mistake that must not wait for a guest.
void check_references(const Structure& structure, const std::string& where) {
    for (const Item& item : structure.items) {
        if (item.is_union() && find_item(structure, item.discriminator) == nullptr) {
            throw SchemaError(where + "." + item.name, "no member '" + item.discriminator + "' is its discriminator");
        }
        for (const Member& member : item.members) {
            for (const std::string& counter : {member.elements, member.trailing}) {
                if (!counter.empty() && find_item(structure, counter) == nullptr) {
                    throw SchemaError(where + "." + member.name, "no member '" + counter + "' counts its elements");
                }
            }
            if (!item.is_union() && member.when) {
                throw SchemaError(where + "." + member.name, "`when` is for members of a union");
            }
            if (!structure.shared && (!member.only.empty() || member.bits_of_word)) {
                throw SchemaError(where + "." + member.name, "only shared memory differs between architectures");
            }
            if (!structure.shared && member.nested != nullptr && (member.nested->shared || member.count != 0)) {
                throw SchemaError(where + "." + member.name, "only shared memory has arrays of structures");
            }
        }
    }
}

std::string nanopb_name(const Descriptor& message) {
    std::string name = message.full_name();
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
}

} // namespace

bool Structure::has_outputs() const {
    return std::any_of(items.begin(), items.end(), [](const Item& item) { return item.is_output(); });
}

std::vector<std::unique_ptr<Structure>> read_structures(const google::protobuf::FileDescriptor& file) {
    std::vector<std::unique_ptr<Structure>> structures;
    for (int i = 0; i < file.message_type_count(); ++i) {
        const Descriptor& message = *file.message_type(i);
        if (!message.options().HasExtension(guest::is)) {
            continue; // a message that is nobody's structure
        }
        auto structure = std::make_unique<Structure>();
        structure->name = message.name();
        structure->message = nanopb_name(message);
        structure->xen = message.options().GetExtension(guest::is).xen();
        structure->shared = message.options().GetExtension(guest::is).shared();
        std::set<const OneofDescriptor*> seen;
        for (int f = 0; f < message.field_count(); ++f) {
            const FieldDescriptor& field = *message.field(f);
            const OneofDescriptor* const oneof = field.real_containing_oneof();
            if (oneof == nullptr) {
                structure->items.push_back({field.name(), {}, 0, {read_member(field, structures)}});
            } else if (seen.insert(oneof).second) {
                structure->items.push_back(read_union(*oneof, structures));
            }
        }
        if (structure->items.empty()) {
            throw SchemaError(message.full_name(), "a structure without members");
        }
        check_references(*structure, message.full_name());
        structures.push_back(std::move(structure));
    }
    return structures;
}

std::vector<Constant> read_constants(const google::protobuf::FileDescriptor& file) {
    std::vector<Constant> constants;
    for (int i = 0; i < file.enum_type_count(); ++i) {
        const google::protobuf::EnumDescriptor& all = *file.enum_type(i);
        if (!all.options().GetExtension(guest::are).xen()) {
            continue;
        }
        for (int v = 0; v < all.value_count(); ++v) {
            if (all.value(v)->name().rfind("NO_", 0) != 0) {
                constants.push_back({all.name(), all.value(v)->name(), all.value(v)->number()});
            }
        }
    }
    return constants;
}

} // namespace bulkhead::generator
