// SPDX-License-Identifier: Apache-2.0
// SYSENTER and SYSCALL in 32-bit protected mode, SYSEXIT and SYSRET (APM 3). It must not know: what is right.
#include "offsets.h"

    .text
    .code32
    .macro ENTRY name, number
    .globl \name
\name:
    movl $\number, entered_by
    jmp entry
    .endm
    ENTRY by_sysenter_a, 0
    ENTRY by_sysenter_b, 1
    ENTRY by_syscall_a, 2
    ENTRY by_syscall_b, 3

    .macro LOAD_ALL from // but the stack pointer
    pushl \from + FLAGS
    popfl
    movl \from + AX, %eax
    movl \from + BX, %ebx
    movl \from + CX, %ecx
    movl \from + DX, %edx
    movl \from + SI, %esi
    movl \from + DI, %edi
    movl \from + BP, %ebp
    .endm

entry:
    movl %eax, entered + AX
    movl %ebx, entered + BX
    movl %ecx, entered + CX
    movl %edx, entered + DX
    movl %esi, entered + SI
    movl %edi, entered + DI
    movl %ebp, entered + BP
    movl %esp, entered + SP
    movl kernel_sp, %esp
    pushfl
    popl entered + FLAGS
    movl %cs, %eax
    movl %eax, entered + CS
    movl %ss, %eax
    movl %eax, entered + SS
    cld
    call system_call
    testb %al, %al
    jz leave_ring_3
    cmpl $2, entered_by
    jae 1f
    LOAD_ALL answered
    sysexit // to edx, with the stack in ecx
1:  LOAD_ALL answered
    movl answered + SP, %esp
    sysretl // to ecx

    .macro GO name // void name(const void* code, Word sp)
    .globl \name
\name:
    pushl %ebx
    pushl %ebp
    pushl %esi
    pushl %edi
    subl $12, %esp
    movl %esp, kernel_sp
    .endm
    GO go_by_sysexit
    movl 32(%esp), %edx
    movl 36(%esp), %ecx
    sysexit
    GO go_by_sysret
    movl 32(%esp), %ecx
    movl 36(%esp), %esp
    sysretl

leave_ring_3: // returns from the last GO
    movl kernel_sp, %esp
    addl $12, %esp
    popl %edi
    popl %esi
    popl %ebp
    popl %ebx
    ret
