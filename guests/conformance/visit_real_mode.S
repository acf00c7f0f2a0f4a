// SPDX-License-Identifier: Apache-2.0
// visit_real_mode(): from 32-bit code without paging to 16-bit protected mode and to real mode, with a hypercall (xen_version) from each, and back.
// It must not know: what the answers should be.

#define XEN_VERSION_CALL 17
#define LOW 0x7000 // below everything that a domain builder uses

    .text
    .code32
    .globl visit_real_mode
visit_real_mode:
    pushl %ebx
    pushl %esi
    pushl %edi
    movl $low_begin, %esi
    movl $LOW, %edi
    movl $(low_end - low_begin), %ecx
    rep movsb
    movl %esp, saved_stack
    lgdt gdt16_pointer
    ljmp $0x18, $LOW
back_in_32:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl saved_stack, %esp
    movl LOW + (protected16_answer - low_begin), %eax
    movl %eax, protected16_result
    movl LOW + (real_answer - low_begin), %eax
    movl %eax, real_mode_result
    popl %edi
    popl %esi
    popl %ebx
    ret

    .section .rodata.low, "a"
    .code16
low_begin:
    movw $0x20, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $XEN_VERSION_CALL, %eax
    xorl %ebx, %ebx // XENVER_version
    xorl %ecx, %ecx
    vmmcall
    movl %eax, LOW + (protected16_answer - low_begin)
    movl %cr0, %eax
    andl $0xfffffffe, %eax
    movl %eax, %cr0
    ljmp $0, $(LOW + (in_real_mode - low_begin))
in_real_mode:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $XEN_VERSION_CALL, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    vmmcall
    movl %eax, LOW + (real_answer - low_begin)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $back_in_32
    .balign 4
protected16_answer:
    .long 0
real_answer:
    .long 0
low_end:
    .code32

    .section .rodata.gdt16, "a"
    .balign 8
gdt16:
    .quad 0
    .quad 0x00cf9b000000ffff // 0x08 code, 32-bit
    .quad 0x00cf93000000ffff // 0x10 data
    .quad 0x00009b000000ffff // 0x18 code, 16-bit
    .quad 0x000093000000ffff // 0x20 data, 16-bit
gdt16_end:
    .balign 4
    .skip 2
gdt16_pointer:
    .word gdt16_end - gdt16 - 1
    .long gdt16

    .section .bss
    .balign 4
saved_stack:
    .skip 4
