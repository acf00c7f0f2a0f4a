// SPDX-License-Identifier: Apache-2.0
// The part of <string.h> that freestanding C here needs; lib/src/target/memory.cpp defines it.
#ifndef BULKHEAD_FREESTANDING_STRING_H
#define BULKHEAD_FREESTANDING_STRING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void* memcpy(void* __restrict destination, const void* __restrict source, size_t count);
void* memmove(void* destination, const void* source, size_t count);
void* memset(void* destination, int value, size_t count);
int memcmp(const void* left, const void* right, size_t count);
void* memchr(const void* where, int value, size_t count);
size_t strlen(const char* text);

#ifdef __cplusplus
}
#endif

#endif
