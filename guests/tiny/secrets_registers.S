// SPDX-License-Identifier: Apache-2.0
// run_with_registers(RegisterImage* image, u64 loops, u64 with_hypercall): loads every register but rcx and rsp from the image, spins, makes a
// hypercall if asked to, and stores what it then finds. Offsets: struct RegisterImage in secrets.cpp.

#define GPR 0
#define VECTOR 128
#define GPR_AFTER (128 + 4096)
#define VECTOR_AFTER (128 + 4096 + 128)
#define USE_XSAVE (128 + 4096 + 128 + 4096)

    .text
    .globl run_with_registers
run_with_registers:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx // 8(%rsp): with_hypercall
    pushq %rdi // 0(%rsp): image
    movq %rsi, %rcx

    pushq %rcx
    movl $-1, %eax
    movl $-1, %edx
    cmpq $0, USE_XSAVE(%rdi)
    je 1f
    xrstor64 VECTOR(%rdi)
    jmp 2f
1:  fxrstor64 VECTOR(%rdi)
2:  popq %rcx

    movq GPR + 0(%rdi), %rax
    movq GPR + 8(%rdi), %rdx
    movq GPR + 16(%rdi), %rbx
    movq GPR + 24(%rdi), %rbp
    movq GPR + 32(%rdi), %rsi
    movq GPR + 48(%rdi), %r8
    movq GPR + 56(%rdi), %r9
    movq GPR + 64(%rdi), %r10
    movq GPR + 72(%rdi), %r11
    movq GPR + 80(%rdi), %r12
    movq GPR + 88(%rdi), %r13
    movq GPR + 96(%rdi), %r14
    movq GPR + 104(%rdi), %r15
    movq GPR + 40(%rdi), %rdi

3:  decq %rcx
    jnz 3b
    cmpq $0, 8(%rsp)
    je 4f
    vmmcall
4:
    pushq %rdi
    movq 8(%rsp), %rdi
    movq %rax, GPR_AFTER + 0(%rdi)
    movq %rdx, GPR_AFTER + 8(%rdi)
    movq %rbx, GPR_AFTER + 16(%rdi)
    movq %rbp, GPR_AFTER + 24(%rdi)
    movq %rsi, GPR_AFTER + 32(%rdi)
    movq %r8, GPR_AFTER + 48(%rdi)
    movq %r9, GPR_AFTER + 56(%rdi)
    movq %r10, GPR_AFTER + 64(%rdi)
    movq %r11, GPR_AFTER + 72(%rdi)
    movq %r12, GPR_AFTER + 80(%rdi)
    movq %r13, GPR_AFTER + 88(%rdi)
    movq %r14, GPR_AFTER + 96(%rdi)
    movq %r15, GPR_AFTER + 104(%rdi)
    popq %rax
    movq %rax, GPR_AFTER + 40(%rdi)

    movl $-1, %eax
    movl $-1, %edx
    cmpq $0, USE_XSAVE(%rdi)
    je 5f
    xsave64 VECTOR_AFTER(%rdi)
    jmp 6f
5:  fxsave64 VECTOR_AFTER(%rdi)
6:  addq $16, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

// Never called by the writer, whose debug registers point here.
    .globl breakpoint_target
    .balign 16
breakpoint_target:
    nop
    ret
