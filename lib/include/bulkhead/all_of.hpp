// SPDX-License-Identifier: Apache-2.0
// Steps that depend on each other. It must not know: what they do.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

/// Takes the steps, functions that return a Status, in turn up to the first that fails; its status, or ok.
template <typename... Steps> [[nodiscard]] Status all_of(Steps&&... steps) {
    Status status = Status::ok;
    (void)((status = steps(), status == Status::ok) && ...);
    return status;
}

} // namespace bulkhead
