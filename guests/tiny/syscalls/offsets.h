// SPDX-License-Identifier: Apache-2.0
// Offsets in Registers (syscalls.hpp), for the assembler code.

#ifdef __x86_64__
#define WORD 8
#else
#define WORD 4
#endif
#define AX (0 * WORD)
#define BX (1 * WORD)
#define CX (2 * WORD)
#define DX (3 * WORD)
#define SI (4 * WORD)
#define DI (5 * WORD)
#define BP (6 * WORD)
#define SP (7 * WORD)
#define FLAGS (8 * WORD)
#define CS (9 * WORD)
#define SS (10 * WORD)
#define FIRST_EXTENDED (11 * WORD)

#define LEAF 0x40000000 // any CPUID is an exit
