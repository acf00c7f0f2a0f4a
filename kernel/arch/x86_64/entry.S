// SPDX-License-Identifier: Apache-2.0
// Every way into the kernel and the one way out to ring 3. Three kinds of entry:
//   from ring 3    registers go to the current thread's UserFrame; the handler runs on an empty kernel stack and never returns
//   in the kernel  while it idles or has just left a guest: registers go to the stack, the handler returns
//   on an IST      #DF, NMI, #MC: may strike with any RSP and GS base; GS comes from the stack's top, the old one is put back
// The kernel runs with interrupts off, AC and DF clear. It must not know what any of the handlers do.
#include <arch/x86_64/offsets.h>

// frame_rax ... frame_r15: offsets in UserFrame, whose registers have the order of the instruction encoding
    .set offset, FRAME_GPR
    .irp r, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    .set frame_\r, offset
    .set offset, offset + 8
    .endr

.macro CLEAR_FLAGS // an interrupt leaves AC and DF as ring 3 had them
    push $2
    popf
.endm

    .text

// --- system calls (APM 3, SYSCALL): rcx = rip, r11 = rflags, RSP still ring 3's, SFMASK has cleared the flags
    .global syscall_entry
syscall_entry:
    swapgs
    mov %rsp, %gs:LOCAL_SCRATCH
    mov %gs:LOCAL_FRAME, %rsp
    .irp r, rax, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r12, r13, r14, r15
    mov %\r, frame_\r(%rsp)
    .endr
    mov %rcx, FRAME_RIP(%rsp)
    mov %r11, FRAME_RFLAGS(%rsp)
    mov %gs:LOCAL_SCRATCH, %rax
    mov %rax, frame_rsp(%rsp)
    movq $0, FRAME_BY_IRET(%rsp)
    mov %gs:LOCAL_STACK, %rsp
    xor %ebp, %ebp
    call kernel_syscall
    ud2

// --- exceptions and interrupts. On the stack: vector, error code, rip, cs, rflags, rsp, ss
#define ON_STACK_CS 24

vector_entry:
    testb $3, ON_STACK_CS(%rsp)
    jz kernel_entry
    swapgs
    push %rdi
    mov %gs:LOCAL_FRAME, %rdi
    .irp r, rax, rcx, rdx, rbx, rbp, rsi, r8, r9, r10, r11, r12, r13, r14, r15
    mov %\r, frame_\r(%rdi)
    .endr
    pop frame_rdi(%rdi)
    pop %rdx // vector
    pop %rsi // error code
    pop FRAME_RIP(%rdi)
    pop %rax // cs
    pop FRAME_RFLAGS(%rdi)
    pop frame_rsp(%rdi)
    movq $1, FRAME_BY_IRET(%rdi)
    mov %gs:LOCAL_STACK, %rsp
    CLEAR_FLAGS
    mov %edx, %edi
    xor %ebp, %ebp
    cmp $32, %edi
    jb 1f
    call kernel_user_interrupt
1:  mov %cr2, %rdx
    call kernel_user_exception
    ud2

// The order of struct TrapFrame, backwards and forwards
.macro PUSH_ALL
    .irp r, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
    push %\r
    .endr
.endm
.macro POP_ALL
    .irp r, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    pop %\r
    .endr
    add $16, %rsp // vector, error code
.endm

// Vectors that the architecture serves itself, wherever they strike: nothing above needs to know.
internal_entry:
    testb $3, ON_STACK_CS(%rsp)
    jz kernel_entry
    swapgs
kernel_entry:
    PUSH_ALL
    CLEAR_FLAGS
    mov %rsp, %rdi
    call handle_trap
    POP_ALL
    testb $3, ON_STACK_CS - 16(%rsp)
    jz 1f
    swapgs
1:  iretq

ist_entry:
    PUSH_ALL
    CLEAR_FLAGS
    mov $MSR_GS_BASE, %ecx
    rdmsr
    mov %eax, %ebx
    mov %edx, %r12d
    mov TRAP_TO_IST_LOCAL(%rsp), %eax
    mov TRAP_TO_IST_LOCAL + 4(%rsp), %edx
    wrmsr
    mov %rsp, %rdi
    call handle_trap
    mov $MSR_GS_BASE, %ecx
    mov %ebx, %eax
    mov %r12d, %edx
    wrmsr
    POP_ALL
    iretq

    .balign 16
    .global vector_stubs
vector_stubs: // 256 of 16 bytes
    .set vector, 0
    .rept 256
    .balign 16
    .if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
    push $0 // the CPU pushes no error code
    .endif
    push $vector
    .if vector == 2 || vector == 8 || vector == 18
    jmp ist_entry
    .elseif vector >= VECTOR_FIRST_INTERNAL
    jmp internal_entry
    .else
    jmp vector_entry
    .endif
    .set vector, vector + 1
    .endr

// --- return_to_user(rdi = UserFrame): see arch.hpp
    .global return_to_user_frame
return_to_user_frame:
    cmp %gs:LOCAL_FRAME, %rdi
    jne other_thread
same_thread:
    mov FRAME_RIP(%rdi), %rcx
    mov $USER_END, %rax
    cmp %rax, %rcx
    jae bad_rip
    swapgs
    .irp r, rbx, rbp, r12, r13, r14, r15, rdx, rax
    mov frame_\r(%rdi), %\r
    .endr
    mov FRAME_RFLAGS(%rdi), %r11
    cmpb $0, FRAME_BY_IRET(%rdi)
    jne by_iret
    mov frame_rsp(%rdi), %rsp
    .irp r, edi, esi, r8d, r9d, r10d // what the convention does not restore must not show the kernel's values
    xor %\r, %\r
    .endr
    sysretq

by_iret:
    push $SELECTOR_USER_DATA
    push frame_rsp(%rdi)
    push %r11
    push $SELECTOR_USER_CODE
    push %rcx
    .irp r, rcx, rsi, r8, r9, r10, r11, rdi
    mov frame_\r(%rdi), %\r
    .endr
    iretq

other_thread: // data segment registers could carry a bit from one component to another
    mov %rdi, %gs:LOCAL_FRAME
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    swapgs // on some processors a null selector clears the base: ring 3's, which is 0
    mov %eax, %gs
    swapgs
    mov FRAME_FS_BASE(%rdi), %rax
    mov %gs:LOCAL_GUEST_FS_BASE, %rdx
    mov %rax, (%rdx)
    mov %rax, %rdx
    shr $32, %rdx
    mov $MSR_FS_BASE, %ecx
    wrmsr
    jmp same_thread

bad_rip: // IRET would fault in the kernel, with ring 3's GS base: the thread gets its #GP from here
    mov %gs:LOCAL_STACK, %rsp
    xor %ebp, %ebp
    mov $13, %edi
    xor %esi, %esi
    xor %edx, %edx
    call kernel_user_exception
    ud2

    .section .note.GNU-stack, "", @progbits
