// SPDX-License-Identifier: Apache-2.0
// Protobuf messages as a fuzzed client may write them: right in form, with any fields and any values, so that what is
// behind a component's decoder is reached as well. It must not know: any schema.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

class FuzzedDataProvider;

namespace bulkhead::fuzz {

using Bytes = std::vector<std::uint8_t>;

/// A request: one structure, of the kind that its field number says. At most `limit` bytes; often a real one.
Bytes request(FuzzedDataProvider& input, std::size_t limit);
/// The same, or any bytes at all.
Bytes message(FuzzedDataProvider& input, std::size_t limit);

} // namespace bulkhead::fuzz
