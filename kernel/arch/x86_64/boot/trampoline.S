// SPDX-License-Identifier: Apache-2.0
// How an application processor comes up: real mode in a low page, from there straight to long mode (APM 2, 14.6.1 allows
// it in one step) on the boot page tables, and with its block's stack to C++. One processor at a time: ap_mailbox says whose.
#include <arch/x86_64/offsets.h>

#define PHYS(symbol) ((symbol) - KERNEL_BASE)

    .section .rodata
    .global trampoline_begin
    .global trampoline_end
    .code16
trampoline_begin: // at any page below 1 MiB, IP = 0
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    mov $0x20, %eax // CR4.PAE
    mov %eax, %cr4
    mov $PHYS(boot_pml4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx // EFER
    mov $0x900, %eax      // LME, NXE
    xor %edx, %edx
    wrmsr
    lgdtl gdt_pointer - trampoline_begin
    mov $0x80010011, %eax // CR0: PG, WP, ET, PE
    mov %eax, %cr0
    ljmpl $SELECTOR_KERNEL_CODE, $PHYS(ap_long)
gdt_pointer:
    .word 3 * 8 - 1
    .long PHYS(boot_gdt)
trampoline_end:

    .text
    .code64
ap_long:
    mov $ap_upper, %rax
    jmp *%rax
ap_upper:
    mov ap_mailbox, %rdi
    test %rdi, %rdi
    jz 1f
    mov kernel_root_address, %rax
    mov %rax, %cr3
    xor %eax, %eax
    .irp s, ss, ds, es, fs, gs
    mov %eax, %\s
    .endr
    mov LOCAL_STACK(%rdi), %rsp
    mov %rdi, %rax
    mov %rdi, %rdx
    shr $32, %rdx
    mov $0xc0000101, %ecx // GS base
    wrmsr
    xor %ebp, %ebp
    call ap_main
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
