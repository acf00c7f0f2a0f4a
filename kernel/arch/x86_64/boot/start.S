// SPDX-License-Identifier: Apache-2.0
// From the boot loader's 32-bit mode (Multiboot 0.6.96, 3.2; Multiboot2 3.3) to C++ in the upper half. It checks only what
// it needs itself, long mode; the rest is boot.cpp's. It must not know anything about the machine but COM1.
#include <arch/x86_64/offsets.h>

#define PHYS(symbol) ((symbol) - KERNEL_BASE)
#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x10003 // page-aligned modules, memory map, address fields
#define MB2_MAGIC 0xe85250d6
#define COM1 0x3f8

    .section .boot, "ax"
    .balign 8
mb1: // magic, flags, checksum; header, image, end of data, end of bss, entry
    .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
    .long PHYS(mb1), PHYS(image_start), PHYS(image_data_end), PHYS(image_end), PHYS(boot_entry)

    .balign 8
mb2: // for UEFI machines: only Multiboot2 hands over the ACPI root pointer
    .long MB2_MAGIC, 0, mb2_end - mb2, -(MB2_MAGIC + (mb2_end - mb2))
    .long 2, 24, PHYS(mb2), PHYS(image_start), PHYS(image_data_end), PHYS(image_end) // addresses
    .long 3, 12, PHYS(boot_entry), 0                                                 // entry
    .long 6, 8                                                                       // page-aligned modules
    .long 0, 8
mb2_end:

    .code32
    .global boot_entry
boot_entry: // eax = the loader's magic number, ebx = its information
    cli
    cld
    mov $PHYS(boot_stack_top), %esp
    mov %eax, %ebp
    mov %ebx, %edi
    mov $PHYS(serial_values), %esi
1:  lodsw
    test %ax, %ax
    jz 2f
    movzbl %ah, %edx
    add $COM1 - 1, %edx
    out %al, %dx
    jmp 1b

2:  mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    jnc no_long_mode
    mov %edi, %ebx

    // Tables: the first 4 GiB at 0 (for this code), at the direct map and, its first GiB, at the image's address.
    mov $PHYS(boot_pd), %edi
    mov $0x83, %eax // present, writable, 2 MiB
    mov $2048, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    mov $PHYS(boot_pd) + 3, %eax
    mov $PHYS(boot_pdpt), %edi
    mov $4, %ecx
1:  mov %eax, (%edi)
    add $0x1000, %eax
    add $8, %edi
    loop 1b
    movl $PHYS(boot_pd) + 3, PHYS(boot_pdpt_image) + 510 * 8
    movl $PHYS(boot_pdpt) + 3, PHYS(boot_pml4)
    movl $PHYS(boot_pdpt) + 3, PHYS(boot_pml4) + 256 * 8
    movl $PHYS(boot_pdpt_image) + 3, PHYS(boot_pml4) + 511 * 8

    mov $0x20, %eax // CR4.PAE
    mov %eax, %cr4
    mov $PHYS(boot_pml4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx // EFER
    mov $0x100, %eax      // LME
    xor %edx, %edx
    wrmsr
    mov $0x80010011, %eax // CR0: PG, WP, ET, PE
    mov %eax, %cr0
    lgdt PHYS(boot_gdt_pointer)
    ljmp $SELECTOR_KERNEL_CODE, $PHYS(boot_long)

no_long_mode:
    mov $PHYS(text_no_long_mode), %esi
1:  lodsb
    test %al, %al
    jz debug_exit
    mov %al, %ah
    mov $COM1 + 5, %dx
    mov $0x10000, %ecx
2:  in %dx, %al
    test $0x20, %al
    loopz 2b
    mov %ah, %al
    mov $COM1, %dx
    out %al, %dx
    jmp 1b

debug_exit: // for tests: `exit=0xPORT` on a Multiboot command line, as boot.cpp does it
    cmp $0x2badb002, %ebp
    jne halt
    testb $4, (%edi) // there is a command line
    jz halt
    mov 16(%edi), %esi
    mov $256, %ecx
1:  cmpb $0, (%esi)
    je halt
    cmpl $0x74697865, (%esi) // "exit"
    jne 2f
    cmpl $0x78303d74, 3(%esi) // "t=0x"
    je 3f
2:  inc %esi
    loop 1b
    jmp halt
3:  add $7, %esi
    xor %edx, %edx
4:  lodsb
    movzbl %al, %eax
    sub $0x30, %eax
    cmp $10, %eax
    jb 5f
    sub $39, %eax // 'a' is 10
    cmp $10, %eax
    jb 6f
5:  cmp $15, %eax
    ja 6f
    shl $4, %edx
    or %eax, %edx
    jmp 4b
6:  mov $FATAL_EXIT_VALUE, %eax
    out %eax, %dx
halt:
    hlt
    jmp halt

    .code64
boot_long:
    mov $boot_upper, %rax
    jmp *%rax
boot_upper:
    mov $boot_stack_top, %rsp
    xor %eax, %eax
    .irp s, ss, ds, es, fs, gs
    mov %eax, %\s
    .endr
    mov $boot_local, %rax // GS: the stack protector needs it from the first function on
    mov %rax, %rdx
    shr $32, %rdx
    mov $0xc0000101, %ecx
    wrmsr
    mov %ebp, %edi
    mov %ebx, %esi
    xor %ebp, %ebp
    call boot_main
    ud2

    // boot_continue(rdi = function, rsi = stack, rdx = its argument): leaves the boot stack for good.
    .text
    .global boot_continue
boot_continue:
    mov %rsi, %rsp
    mov %rdi, %rax
    mov %rdx, %rdi
    xor %ebp, %ebp
    call *%rax
    ud2

    .section .rodata
text_no_long_mode:
    .asciz "bulkhead: this CPU has no long mode (it is not a 64-bit processor): halted\n"
serial_values: // 115200 8N1, no interrupts: value, port - COM1 + 1; ends with 0
    .byte 0x00, 2, 0x80, 4, 0x01, 1, 0x00, 2, 0x03, 4, 0x07, 3, 0x03, 5, 0, 0
    .balign 8
    .global boot_gdt
boot_gdt: // the same selectors as CpuLocal::gdt
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long PHYS(boot_gdt)

    .bss
    .balign 4096
    .global boot_pml4
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pdpt_image:
    .skip 4096
boot_pd:
    .skip 4 * 4096
    .skip 16384
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
