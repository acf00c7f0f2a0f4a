// SPDX-License-Identifier: Apache-2.0
// What the races guest's other vCPUs do, in 32-bit protected mode without paging whatever the image's mode is. The second one writes the
// first or the second value to each place of a list, by chance, round after round, and tells how long a list it has seen. Those that are started
// from contexts which change say which code they have come to, and go down by halting with interrupts off.
    .text
    .code32
    .globl races_flipper
races_flipper:
    xorl %ebx, %ebx // a linear congruential generator: a fixed order would fall into step with the turns that the vCPUs get
1:  movl races_count, %ecx
    movl %ecx, races_seen
    testl %ecx, %ecx
    jnz 2f
    pause
    jmp 1b
2:  movl $races_list, %esi
3:  imull $1664525, %ebx, %ebx
    addl $1013904223, %ebx
    movl %ebx, %edx
    shrl $31, %edx
    movl (%esi), %edi
    movl 4(%esi,%edx,4), %eax
    movl %eax, (%edi)
    addl $12, %esi
    decl %ecx
    jnz 3b
    incl races_rounds
    jmp 1b

    .balign 32
    .globl races_first_start
races_first_start:
    lock incl races_starts
    hlt
    ud2
    .balign 32
    .globl races_second_start
races_second_start:
    lock incl races_starts + 4
    hlt
    ud2

    .bss
    .balign 64
    .globl races_count
races_count: // places in the list; 0: nothing is written
    .skip 4
    .globl races_seen
races_seen:
    .skip 4
    .globl races_rounds
races_rounds:
    .skip 4
    .globl races_starts
races_starts:
    .skip 8
    .globl races_list
races_list: // address, first and second value, 4 bytes each
    .skip 12 * 128
