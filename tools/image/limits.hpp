// SPDX-License-Identifier: Apache-2.0
// The sizes that the components' codec (nanopb) puts on fields of a message, read from the schema's own options.
// It must not know: any message in particular.
#pragma once

#include <string>

#include <google/protobuf/message.h>

namespace bulkhead::tools {

/// Empty if every string, bytes and repeated field of `message` and of all messages in it fits; else which one does
/// not.
std::string find_oversized_field(const google::protobuf::Message& message);

} // namespace bulkhead::tools
