// SPDX-License-Identifier: Apache-2.0
// Straight-line codecs of messages. It must not know: what guests' structures look like in memory.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace bulkhead::generator {

/// NAME.codec.hpp, with a bulkhead::StraightCodec for each message of the file that can have one; of guests' structures
/// those that the schema calls hot. Throws SchemaError where a hot one has a field that such a codec cannot express.
std::string emit_message_codecs(const google::protobuf::FileDescriptor& file);

} // namespace bulkhead::generator
