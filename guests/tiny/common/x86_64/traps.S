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
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
.set vector, vector + 1
.endr

trap_common:
    cld
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    movq %rsp, %rbp
    andq $-16, %rsp
    call trap_handler
    movq %rbp, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

// unsigned attempt_call(void (*function)(void*), void* argument): 0, or 1 + the vector of the exception that ended it.
    .globl attempt_call
attempt_call:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq attempt_stack(%rip) // of an outer attempt
    movq %rsp, attempt_stack(%rip)
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    xorl %eax, %eax
    .globl attempt_resume // the trap handler returns here with rsp = attempt_stack and eax = 1 + vector
attempt_resume:
    popq attempt_stack(%rip)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    cld
    ret

    .section .bss
    .balign 8
    .globl attempt_stack
attempt_stack:
    .skip 8
