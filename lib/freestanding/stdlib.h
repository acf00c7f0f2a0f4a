// SPDX-License-Identifier: Apache-2.0
// The part of <stdlib.h> that freestanding C here needs. There is no allocator.
#ifndef BULKHEAD_FREESTANDING_STDLIB_H
#define BULKHEAD_FREESTANDING_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((noreturn)) void abort(void);

#ifdef __cplusplus
}
#endif

#endif
