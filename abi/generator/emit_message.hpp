// SPDX-License-Identifier: Apache-2.0
// Codecs of the messages between components. It must not know: guests' structures.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace bulkhead::generator {

/// NAME.codec.hpp, with a bulkhead::StraightCodec for each message of the file that can have one.
std::string emit_message_codecs(const google::protobuf::FileDescriptor& file);

} // namespace bulkhead::generator
