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
    const Structure* nested{nullptr};

    bool is_output() const { return direction != guest::IN; }
};

/// A place in a structure: one member, or a union of several.
struct Item {
    std::string name;
    std::string discriminator; ///< empty: not a union
    std::vector<Member> members;

    bool is_union() const { return !discriminator.empty(); }
    const Member& only() const { return members.front(); }
    bool is_output() const { return members.front().is_output(); }
};

struct Structure {
    std::string name;    ///< of the message, and of the layout
    std::string message; ///< the C type that nanopb makes
    std::string xen;     ///< in the public headers; empty: none
    std::vector<Item> items;

    bool has_outputs() const;
};

/// All structures of one file, in order. Throws SchemaError.
std::vector<std::unique_ptr<Structure>> read_structures(const google::protobuf::FileDescriptor& file);

} // namespace bulkhead::generator
