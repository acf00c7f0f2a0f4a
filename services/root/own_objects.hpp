// SPDX-License-Identifier: Apache-2.0
// What root needs for itself to receive requests and signals.
// It must not know: what they say.
#pragma once

#include "memory_pool.hpp"

namespace bulkhead::root {

/// Memory that `make_own_objects` takes from the pool.
inline constexpr std::uint64_t own_object_bytes = 4 * page_size;

/// Makes root's event set and portal and binds both to its thread.
[[nodiscard]] Status make_own_objects(MemoryPool& pool);

} // namespace bulkhead::root
