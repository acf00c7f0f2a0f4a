// SPDX-License-Identifier: Apache-2.0
// 256 interrupt gates that all end in trap_handler(TrapFrame*), and attempt_call, which runs a function that may fault and comes back.

    .text
    .globl trap_stubs
    .balign 16
trap_stubs: // 16 bytes each
.set vector, 0
.rept 256
    .balign 16
    // Vectors for which the processor pushes an error code (APM 2, 8.2); the others get a 0.
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushl $0
    .endif
    pushl $vector
    jmp trap_common
.set vector, vector + 1
.endr

trap_common:
    cld
    pushal
    movl %esp, %ebp
    pushl %ebp
    call trap_handler
    movl %ebp, %esp
    popal
    addl $8, %esp
    iretl

// unsigned attempt_call(void (*function)(void*), void* argument): 0, or 1 + the vector of the exception that ended it.
    .globl attempt_call
attempt_call:
    pushl %ebp
    movl %esp, %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl attempt_stack // of an outer attempt
    movl %esp, attempt_stack
    pushl 12(%ebp)
    call *8(%ebp)
    xorl %eax, %eax
attempt_resume:
    movl attempt_stack, %esp
    popl attempt_stack
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    cld
    ret

// void abandon_trap(unsigned result): the attempt's function is over, with that result.
    .globl abandon_trap
abandon_trap:
    movl 4(%esp), %eax
    movl attempt_stack, %esp
    pushl $2 // no IF, DF, TF, AC
    popfl
    jmp attempt_resume

    .section .bss
    .balign 4
    .globl attempt_stack
attempt_stack:
    .skip 4
