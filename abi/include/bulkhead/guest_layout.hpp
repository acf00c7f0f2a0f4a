// SPDX-License-Identifier: Apache-2.0
// What all generated layouts of guests' structures use. It must not know: any structure.
#pragma once

#include <cstdint>

namespace bulkhead::guest {

/// Whether a message's values fit a guest's structure, and if not, which errno of xen/errno.h says so (abi/schema's
/// `misfit`).
enum class Fit : std::int32_t { fits = 0, invalid = 22, range = 34, overflow = 75 };

/// A 64-bit integer as i386's ABI lays it out inside structures.
using Unsigned64Aligned4 [[gnu::aligned(4)]] = std::uint64_t;

struct ByteRange {
    std::uint32_t offset, size;
};

/// The layouts that belong to a message: `Wide` for callers in 64-bit code, `Narrow` for others.
template <typename Message> struct LayoutsOf;

/// The messages of one schema that have layouts.
template <typename... Message> struct Messages {};

} // namespace bulkhead::guest
