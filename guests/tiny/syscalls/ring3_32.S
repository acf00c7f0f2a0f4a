// SPDX-License-Identifier: Apache-2.0
// Ring 3 in 32-bit code: in compatibility mode if its kernel is a 64-bit one. It must not know: what is right.
#include "offsets.h"

    .text
// NAME: exits, spins, loads `asked`, calls the kernel; NAME_back: stores what it finds in `found`, does the same again and calls once more.
// The kernel does not come back from that.
    .macro RING3_32 name, instruction
    .code32
    .globl \name
    .globl \name\()_back
\name:
    call spin_32
    movl asked + AX, %eax
    movl asked + BX, %ebx
    movl asked + CX, %ecx
    movl asked + DX, %edx
    movl asked + SI, %esi
    movl asked + DI, %edi
    movl asked + BP, %ebp
    pushl asked + FLAGS
    popfl
    \instruction
\name\()_back:
    movl %eax, found + AX
    movl %ebx, found + BX
    movl %ecx, found + CX
    movl %edx, found + DX
    movl %esi, found + SI
    movl %edi, found + DI
    movl %ebp, found + BP
    movl %esp, found + SP
    pushfl
    popl found + FLAGS
    movl %cs, %eax
    movl %eax, found + CS
    movl %ss, %eax
    movl %eax, found + SS
    call spin_32
    \instruction
    ud2
    .endm

#ifdef __x86_64__
    RING3_32 ring3_32, syscall

    .globl ring3_32_sysenter
    .globl sysenter_in_32
ring3_32_sysenter:
    call spin_32
sysenter_in_32:
    sysenter
    ud2
#else
    RING3_32 ring3_sysenter, sysenter
    RING3_32 ring3_syscall, syscall
#endif

    .code32
spin_32:
    cld
    movl $LEAF, %eax
    cpuid
    movl spin_loops, %ecx
1:  decl %ecx
    jnz 1b
    movl $LEAF, %eax
    cpuid
    ret
