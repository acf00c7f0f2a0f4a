// SPDX-License-Identifier: Apache-2.0
// The schema's structures, read out of protoc's descriptors and checked. It must not know: any architecture, nor what
// is generated from it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "guest_layout.pb.h"

namespace bulkhead::generator {

/// What is wrong with a schema, with its place.
class SchemaError : public std::runtime_error {
public:
    SchemaError(const std::string& where, const std::string& what) : std::runtime_error{where + ": " + what} {}
};

struct Structure;

/// A member of a structure or of a union.
struct Member {
    std::string name;
    guest::Type type{guest::UNSPECIFIED}; ///< UNSPECIFIED: a structure, see `nested`
    guest::Direction direction{guest::IN};
    std::uint32_t padding{0};
    std::uint32_t count{0}; ///< fixed array; 0: a single value
    guest::Type element{guest::UNSPECIFIED};
    std::string elements;
    std::optional<std::uint32_t> when;
    std::string xen; ///< its path in the public header
    guest::Type align{guest::UNSPECIFIED};
    guest::Misfit misfit{guest::MISFIT_OVERFLOW};
    bool bits_of_word{false};
    std::string only;     ///< the one architecture that has it; empty: all
    std::string trailing; ///< the member that counts an array behind the structure
    bool is_text{false};  ///< an array of bytes, of which the header may or may not say that they have a sign
    std::uint32_t number{0};
    const Structure* nested{nullptr};

    bool is_output() const { return direction != guest::IN; }
    bool is_array() const { return count != 0 || bits_of_word || !trailing.empty(); }
};

/// A place in a structure: one member, or a union of several.
struct Item {
    std::string name;
    std::string discriminator; ///< empty: not a union
    std::uint32_t mask{0};     ///< the discriminator's bits that count; 0: all
    std::vector<Member> members;

    bool is_union() const { return !discriminator.empty(); }
    const Member& only() const { return members.front(); }
    bool is_output() const { return members.front().is_output(); }
};

struct Structure {
    std::string name;    ///< of the message, and of the layout
    std::string message; ///< the C type that nanopb makes
    std::string xen;     ///< in the public headers; empty: none
    bool shared{false};  ///< a layout without conversions
    std::vector<Item> items;

    bool has_outputs() const;
};

/// All structures of one file, in order. Throws SchemaError.
std::vector<std::unique_ptr<Structure>> read_structures(const google::protobuf::FileDescriptor& file);

/// A number that the public headers define too, under the same name.
struct Constant {
    std::string list; ///< the enum's name
    std::string name;
    std::int32_t value;
};
/// Of all enums that say so. The zero that proto3 asks for where the headers have none is left out.
std::vector<Constant> read_constants(const google::protobuf::FileDescriptor& file);

} // namespace bulkhead::generator
