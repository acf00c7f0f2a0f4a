// SPDX-License-Identifier: Apache-2.0
// PVH entry of the 32-bit tiny guests (Xen docs/misc/pvh: flat protected mode, no paging, ebx = hvm_start_info): maps the 4 GiB one to one by the kind of
// tables that the guest is built for, and calls guest_entry(start_info). TINY_PAGING: 0 none, 2 two levels with 4 MiB pages, 3 PAE with 2 MiB pages.
// It must not know: what the guest does.

#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.Xen, "a", @note
    .balign 4
    .long 4
    .long 4
    .long XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_entry

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
    xorl %ebp, %ebp

#if TINY_PAGING == 2
    movl $0x87, %eax // present, writable, user, 4 MiB
    xorl %ecx, %ecx
1:  movl %eax, page_directory(,%ecx,4)
    addl $0x400000, %eax
    incl %ecx
    cmpl $1024, %ecx
    jb 1b
    movl %cr4, %eax
    orl $0x10, %eax // PSE
    movl %eax, %cr4
    movl $page_directory, %eax
    movl %eax, %cr3
#elif TINY_PAGING == 3
    movl $page_directory + 1, %eax // of the pointers only the present bit means something
    xorl %ecx, %ecx
1:  movl %eax, page_directory_pointers(,%ecx,8)
    addl $4096, %eax
    incl %ecx
    cmpl $4, %ecx
    jb 1b
    movl $0x87, %eax // present, writable, user, 2 MiB
    xorl %ecx, %ecx
2:  movl %eax, page_directory(,%ecx,8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jb 2b
    movl %cr4, %eax
    orl $0x20, %eax // PAE
    movl %eax, %cr4
    movl $page_directory_pointers, %eax
    movl %eax, %cr3
#endif
    movl %cr0, %eax
    andl $0xfffffffb, %eax // no EM: vector instructions are for the CPU
#if TINY_PAGING == 0
    orl $0x22, %eax // NE, MP
#else
    orl $0x80010022, %eax // PG, WP, NE, MP
#endif
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $flat

flat:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    subl $12, %esp
    pushl %ebx
    call guest_entry
    ud2

    .section .rodata.gdt, "a"
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff // 0x08 code, 32-bit, CPL 0
    .quad 0x00cf93000000ffff // 0x10 data
gdt_end:
    .balign 4
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

    .section .bss
    .balign 4096
#if TINY_PAGING == 2
    .globl page_directory
page_directory:
    .skip 4096
#elif TINY_PAGING == 3
    .globl page_directory
page_directory:
    .skip 4 * 4096
    .balign 32
    .globl page_directory_pointers
page_directory_pointers:
    .skip 32
    .balign 16
#endif
    .globl boot_stack
boot_stack:
    .skip 16384
boot_stack_top:
    .balign 8
    .globl first_instruction_at
first_instruction_at:
    .skip 8
