// SPDX-License-Identifier: Apache-2.0
// How the other vCPUs of the SMP guest come to 64-bit code: from real mode (smp_real_mode, copied below 1 MiB), from 32-bit code (smp_start32)
// or at once (smp_start64). Each finds its stack by its APIC ID and calls smp_main(vCPU).
// It must not know: who starts them, and what for.

    .section .rodata.smp, "a"
    .globl smp_real_mode
    .globl smp_real_mode_end
    .code16
smp_real_mode: // at offset 0 of its segment
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl smp_gdt_pointer_here - smp_real_mode
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x18, $smp_flat32
    .balign 4
smp_gdt_pointer_here:
    .word smp_gdt_end - smp_gdt - 1
    .long smp_gdt
smp_real_mode_end:

    .balign 8
smp_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 0x08 code, 64-bit
    .quad 0x00cf93000000ffff // 0x10 data
    .quad 0x00cf9b000000ffff // 0x18 code, 32-bit
smp_gdt_end:
    .balign 4
smp_gdt_pointer:
    .word smp_gdt_end - smp_gdt - 1
    .quad smp_gdt

    .text
    .globl smp_start32
    .code32
smp_start32:
    lgdt smp_gdt_pointer
    ljmp $0x18, $smp_flat32
smp_flat32:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %cr4, %eax
    orl $0x620, %eax // PAE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $page_table_l4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx // EFER.LME
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000022, %eax // PG, NE, MP
    movl %eax, %cr0
    ljmp $0x08, $smp_long_mode

    .globl smp_start64
    .code64
smp_start64:
    lgdt smp_gdt_pointer
    movl $smp_stacks + 4096, %esp // only until the far return
    pushq $0x08
    pushq $smp_long_mode
    lretq
smp_long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $0x1b, %ecx // x2APIC mode on
    rdmsr
    orl $0xc00, %eax
    wrmsr
    movl $0x802, %ecx // x2APIC ID: twice the vCPU's number
    rdmsr
    shrl $1, %eax
    movl %eax, %edi
    incl %eax
    shll $14, %eax
    leal smp_stacks(%eax), %esp
    xorl %ebp, %ebp
    call smp_main
    ud2

    .section .bss
    .balign 4096
smp_stacks: // 16 KiB each
    .skip 16384 * 8
