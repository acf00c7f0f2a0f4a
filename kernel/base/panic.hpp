// SPDX-License-Identifier: Apache-2.0
// Broken invariants end the kernel, each with the invariant in words. Input never does.
#pragma once

namespace bulkhead::kernel {

/// Prints `what`, registers and a symbolised backtrace on the serial line and halts all CPUs. Host tests provide their
/// own.
[[noreturn]] void panic(const char* what);

/// The invariant `what` must hold here.
inline void invariant(bool holds, const char* what) {
    if (!holds) [[unlikely]] {
        panic(what);
    }
}

} // namespace bulkhead::kernel
