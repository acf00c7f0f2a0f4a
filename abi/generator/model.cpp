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
    case guest::U16:
    case guest::U32:
        return field == FieldDescriptor::TYPE_UINT32;
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

Member read_member(const FieldDescriptor& field, const std::vector<std::unique_ptr<Structure>>& known) {
    if (!field.options().HasExtension(guest::at)) {
        throw SchemaError(field.full_name(), "says nothing about its layout: (at) is missing");
    }
    const guest::FieldLayout& layout = field.options().GetExtension(guest::at);
    Member member;
    member.name = field.name();
    member.type = layout.type();
    member.direction = layout.direction();
    member.padding = layout.padding();
    member.count = layout.count();
    member.element = layout.element();
    member.elements = layout.elements();
    if (layout.has_when()) {
        member.when = layout.when();
    }
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
        const auto found = std::find_if(known.begin(), known.end(), [&](const std::unique_ptr<Structure>& structure) {
            return structure->name == field.message_type()->name();
        });
        if (found == known.end()) {
            throw SchemaError(field.full_name(), "a structure must be described before it is used, in the same file");
        }
        if (member.type != guest::UNSPECIFIED || member.count != 0) {
            throw SchemaError(field.full_name(), "a structure has neither type nor count");
        }
        member.nested = found->get();
    } else if (!carries(field.type(), member.type)) {
        throw SchemaError(field.full_name(),
                          std::string{field.type_name()} + " does not carry a " + guest::Type_Name(member.type));
    }
    if (field.is_repeated() != (member.count != 0)) {
        throw SchemaError(field.full_name(), "`repeated` and `count` go together");
    }
    if (!member.elements.empty() && (member.type != guest::HANDLE || member.element == guest::UNSPECIFIED)) {
        throw SchemaError(field.full_name(), "only a HANDLE has elements, of some type");
    }
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

Item read_union(const OneofDescriptor& oneof, const Structure& structure,
                const std::vector<std::unique_ptr<Structure>>& known) {
    Item item;
    item.name = oneof.name();
    item.discriminator = oneof.options().GetExtension(guest::by).discriminator();
    if (find_item(structure, item.discriminator) == nullptr) {
        throw SchemaError(oneof.full_name(), "its discriminator must be a member that stands before it");
    }
    std::set<std::uint32_t> values;
    for (int i = 0; i < oneof.field_count(); ++i) {
        const Member member = read_member(*oneof.field(i), known);
        if (!member.when || !values.insert(*member.when).second) {
            throw SchemaError(oneof.field(i)->full_name(), "needs a `when` of its own");
        }
        if (member.padding != 0 || member.count != 0 || member.direction != (i == 0 ? member : item.only()).direction) {
            throw SchemaError(oneof.field(i)->full_name(), "members of a union have one direction and no padding");
        }
        item.members.push_back(member);
    }
    return item;
}

/// A count that nobody can find is a mistake that must not wait for a guest.
void check_elements(const Structure& structure, const std::string& where) {
    for (const Item& item : structure.items) {
        for (const Member& member : item.members) {
            if (!member.elements.empty() && find_item(structure, member.elements) == nullptr) {
                throw SchemaError(where + "." + member.name, "no member '" + member.elements + "' counts its elements");
            }
            if (!item.is_union() && member.when) {
                throw SchemaError(where + "." + member.name, "`when` is for members of a union");
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
        std::set<const OneofDescriptor*> seen;
        for (int f = 0; f < message.field_count(); ++f) {
            const FieldDescriptor& field = *message.field(f);
            const OneofDescriptor* const oneof = field.real_containing_oneof();
            if (oneof == nullptr) {
                structure->items.push_back({field.name(), {}, {read_member(field, structures)}});
            } else if (seen.insert(oneof).second) {
                structure->items.push_back(read_union(*oneof, *structure, structures));
            }
        }
        if (structure->items.empty()) {
            throw SchemaError(message.full_name(), "a structure without members");
        }
        check_elements(*structure, message.full_name());
        structures.push_back(std::move(structure));
    }
    return structures;
}

} // namespace bulkhead::generator
