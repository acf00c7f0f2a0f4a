// SPDX-License-Identifier: Apache-2.0
#include "image/limits.hpp"

#include <google/protobuf/descriptor.h>
#include <nanopb.pb.h>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string check_field(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    const auto& options = field.options().GetExtension(::nanopb);
    if (field.is_repeated()) {
        const int count = reflection.FieldSize(message, &field);
        if (options.has_max_count() && count > options.max_count()) {
            return fmt::format("{} has {} elements, at most {} fit", field.full_name(), count, options.max_count());
        }
        for (int i = 0; field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && i < count; ++i) {
            if (auto found = find_oversized_field(reflection.GetRepeatedMessage(message, &field, i)); !found.empty()) {
                return found;
            }
        }
        return {};
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        return reflection.HasField(message, &field) ? find_oversized_field(reflection.GetMessage(message, &field))
                                                    : std::string{};
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && options.has_max_size()) {
        const std::size_t terminator = field.type() == FieldDescriptor::TYPE_STRING ? 1 : 0;
        const std::size_t size = reflection.GetString(message, &field).size() + terminator;
        if (size > static_cast<std::size_t>(options.max_size())) {
            return fmt::format("{} takes {} bytes, at most {} fit", field.full_name(), size, options.max_size());
        }
    }
    return {};
}

} // namespace

std::string find_oversized_field(const Message& message) {
    const auto& descriptor = *message.GetDescriptor();
    for (int i = 0; i < descriptor.field_count(); ++i) {
        if (auto found = check_field(message, *descriptor.field(i)); !found.empty()) {
            return found;
        }
    }
    return {};
}

} // namespace bulkhead::tools
