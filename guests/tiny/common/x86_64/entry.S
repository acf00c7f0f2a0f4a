// SPDX-License-Identifier: Apache-2.0
// PVH entry of the tiny guests (Xen docs/misc/pvh: 32-bit flat protected mode, no paging, ebx = hvm_start_info): maps the first 4 GiB one to one,
// switches to long mode and calls guest_entry(start_info).
// It must not know: what the guest does.

#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.Xen, "a", @note
    .balign 4
    .long 4
    .long note_value_end - note_value
    .long XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
note_value:
#ifdef TINY_NOTE32
    .long pvh_entry
#else
    .quad pvh_entry
#endif
note_value_end:

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    rdtsc
    movl %eax, first_instruction_at
    movl %edx, first_instruction_at + 4
    cli
    cld
    movl $boot_stack_top, %esp

    // One top-level table, one third-level table with four entries, four second-level tables of 2 MiB pages.
    movl $page_table_l3, %eax
    orl $0x7, %eax
    movl %eax, page_table_l4
    movl $page_tables_l2, %eax
    orl $0x7, %eax
    xorl %ecx, %ecx
1:  movl %eax, page_table_l3(,%ecx,8)
    addl $4096, %eax
    incl %ecx
    cmpl $4, %ecx
    jb 1b
    movl $0x87, %eax // present, writable, user, 2 MiB
    xorl %ecx, %ecx
2:  movl %eax, page_tables_l2(,%ecx,8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jb 2b

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
    andl $0xfffffffb, %eax // no EM: vector instructions are for the CPU
    orl $0x80000022, %eax  // PG, NE, MP
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $long_mode

    .code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $boot_stack_top, %esp
    xorl %ebp, %ebp
    movl %ebx, %edi
    call guest_entry
    ud2

    .section .rodata.gdt, "a"
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 0x08 code, 64-bit, CPL 0
    .quad 0x00cf93000000ffff // 0x10 data
gdt_end:
    .balign 4
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

    .section .bss
    .balign 4096
    .globl page_table_l4
page_table_l4:
    .skip 4096
page_table_l3:
    .skip 4096
page_tables_l2:
    .skip 4 * 4096
    .globl boot_stack
boot_stack:
    .skip 16384
boot_stack_top:
    .balign 8
    .globl first_instruction_at
first_instruction_at:
    .skip 8
