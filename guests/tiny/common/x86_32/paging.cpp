// SPDX-License-Identifier: Apache-2.0
// Everything that 32-bit code can reach is where it is.
#include "paging.hpp"

#include "memory.hpp"

namespace bulkhead::guest {

volatile std::uint8_t* window(std::uint64_t physical) {
    return at_physical<std::uint8_t>(physical);
}

} // namespace bulkhead::guest
