// SPDX-License-Identifier: Apache-2.0
// SYSCALL from 64-bit and from compatibility-mode code, and SYSRET to both, and where a SYSENTER would come in (APM 3).
// It must not know: what is right.
#include "offsets.h"

    .text
    .code64
    .macro ENTRY name, number
    .globl \name
\name:
    movl $\number, entered_by
    jmp entry
    .endm
    ENTRY from_64_a, 0
    ENTRY from_64_b, 1
    ENTRY from_32_a, 2
    ENTRY from_32_b, 3

    // QEMU 7.2 comes in here with a CS that has both L and D, which its VMRUN refuses: no exit before that is over.
    .macro SYSENTER_ENTRY name, number, cs
    .globl \name
\name:
    pushq $\cs
    pushq $1f
    lretq
1:  movl $\number, entered_by
    jmp entry
    .endm
    SYSENTER_ENTRY by_sysenter_a, 4, 0x08
    SYSENTER_ENTRY by_sysenter_b, 5, 0x30

    .macro STORE_ALL to
    movq %rax, \to + AX
    movq %rbx, \to + BX
    movq %rcx, \to + CX
    movq %rdx, \to + DX
    movq %rsi, \to + SI
    movq %rdi, \to + DI
    movq %rbp, \to + BP
    movq %rsp, \to + SP
    movq %r8, \to + FIRST_EXTENDED + 0 * WORD
    movq %r9, \to + FIRST_EXTENDED + 1 * WORD
    movq %r10, \to + FIRST_EXTENDED + 2 * WORD
    movq %r11, \to + FIRST_EXTENDED + 3 * WORD
    movq %r12, \to + FIRST_EXTENDED + 4 * WORD
    movq %r13, \to + FIRST_EXTENDED + 5 * WORD
    movq %r14, \to + FIRST_EXTENDED + 6 * WORD
    movq %r15, \to + FIRST_EXTENDED + 7 * WORD
    .endm
    .macro STORE_SELECTORS to
    movl %cs, %eax
    movq %rax, \to + CS
    movl %ss, %eax
    movq %rax, \to + SS
    .endm
    .macro LOAD_ALL from // but the stack pointer
    movq \from + AX, %rax
    movq \from + BX, %rbx
    movq \from + CX, %rcx
    movq \from + DX, %rdx
    movq \from + SI, %rsi
    movq \from + DI, %rdi
    movq \from + BP, %rbp
    movq \from + FIRST_EXTENDED + 0 * WORD, %r8
    movq \from + FIRST_EXTENDED + 1 * WORD, %r9
    movq \from + FIRST_EXTENDED + 2 * WORD, %r10
    movq \from + FIRST_EXTENDED + 3 * WORD, %r11
    movq \from + FIRST_EXTENDED + 4 * WORD, %r12
    movq \from + FIRST_EXTENDED + 5 * WORD, %r13
    movq \from + FIRST_EXTENDED + 6 * WORD, %r14
    movq \from + FIRST_EXTENDED + 7 * WORD, %r15
    .endm

entry:
    STORE_ALL entered
    movq kernel_sp, %rsp
    pushfq
    popq entered + FLAGS
    STORE_SELECTORS entered
    cld
    call system_call
    testb %al, %al
    jz leave_ring_3
    LOAD_ALL answered
    movq answered + SP, %rsp
    cmpl $2, entered_by
    jae 1f
    sysretq
1:  sysretl

    .macro GO name, instruction // void name(const void* code, Word sp)
    .globl \name
\name:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, kernel_sp
    movq %rdi, %rcx
    movq %rsi, %rsp
    movl $2, %r11d // flags
    \instruction
    .endm
    GO go_64, sysretq
    GO go_32, sysretl

    .globl leave_ring_3
leave_ring_3: // returns from the last GO
    movq kernel_sp, %rsp
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

// As RING3_32 in ring3_32.S.
    .globl ring3_64
    .globl ring3_64_back
ring3_64:
    call spin_64
    LOAD_ALL asked
    pushq asked + FLAGS
    popfq
    syscall
ring3_64_back:
    STORE_ALL found
    pushfq
    popq found + FLAGS
    STORE_SELECTORS found
    call spin_64
    syscall
    ud2

    .globl ring3_64_sysenter
    .globl sysenter_in_64
ring3_64_sysenter:
    call spin_64
sysenter_in_64:
    sysenter
    ud2
spin_64:
    cld
    movl $LEAF, %eax
    cpuid
    movl spin_loops, %ecx
1:  decl %ecx
    jnz 1b
    movl $LEAF, %eax
    cpuid
    ret
