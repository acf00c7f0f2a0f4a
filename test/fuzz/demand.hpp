// SPDX-License-Identifier: Apache-2.0
// How a libFuzzer program says that what it has done must not happen.
#pragma once

inline void demand(bool condition) {
    if (!condition) {
        __builtin_trap();
    }
}
