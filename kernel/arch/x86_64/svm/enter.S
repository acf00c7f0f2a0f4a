// SPDX-License-Identifier: Apache-2.0
// svm_run(rdi = physical address of the VMCB, rsi = the guest's general-purpose registers, in the ABI's order,
//         rdx = physical address of this CPU's VMSAVE area)
// Called with interrupts off. Returns behind #VMEXIT with the global interrupt flag clear and the interrupt flag set: what
// waits for the host is taken when the caller executes STGI. rax and rsp are the VMCB's.
// Every register that held a guest's value is restored or cleared: nothing of the guest is left where C++ could use it.

#define GPR_RCX 8
#define GPR_RDX 16
#define GPR_RBX 24
#define GPR_RBP 40
#define GPR_RSI 48
#define GPR_RDI 56
#define GPR_R8 64
#define GPR_R9 72
#define GPR_R10 80
#define GPR_R11 88
#define GPR_R12 96
#define GPR_R13 104
#define GPR_R14 112
#define GPR_R15 120

    .text
    .global svm_run
svm_run:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdx
    push %rsi
    mov %rdi, %rax

    clgi
    sti // with GIF clear: from VMRUN on, an interrupt for the host ends the guest whatever the guest's own flag says

    mov GPR_RCX(%rsi), %rcx
    mov GPR_RDX(%rsi), %rdx
    mov GPR_RBX(%rsi), %rbx
    mov GPR_RBP(%rsi), %rbp
    mov GPR_RDI(%rsi), %rdi
    mov GPR_R8(%rsi), %r8
    mov GPR_R9(%rsi), %r9
    mov GPR_R10(%rsi), %r10
    mov GPR_R11(%rsi), %r11
    mov GPR_R12(%rsi), %r12
    mov GPR_R13(%rsi), %r13
    mov GPR_R14(%rsi), %r14
    mov GPR_R15(%rsi), %r15
    mov GPR_RSI(%rsi), %rsi

    vmload %rax
    vmrun %rax
    vmsave %rax // #VMEXIT has restored rax and rsp

    xchg %rsi, (%rsp)
    mov %rcx, GPR_RCX(%rsi)
    mov %rdx, GPR_RDX(%rsi)
    mov %rbx, GPR_RBX(%rsi)
    mov %rbp, GPR_RBP(%rsi)
    mov %rdi, GPR_RDI(%rsi)
    mov %r8, GPR_R8(%rsi)
    mov %r9, GPR_R9(%rsi)
    mov %r10, GPR_R10(%rsi)
    mov %r11, GPR_R11(%rsi)
    mov %r12, GPR_R12(%rsi)
    mov %r13, GPR_R13(%rsi)
    mov %r14, GPR_R14(%rsi)
    mov %r15, GPR_R15(%rsi)
    pop %rcx
    mov %rcx, GPR_RSI(%rsi)
    pop %rax
    vmload %rax

    // What the guest has left in the return-address predictor is overwritten before the first RET. Always: a processor where
    // #VMEXIT does that could also mispredict a branch that asks.
    .rept 32 // entries
    call 1f; int3 // where a RET that is mispredicted comes to
1:
    .endr
    add $256, %rsp
    xor %ecx, %ecx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    .section .note.GNU-stack, "", @progbits
