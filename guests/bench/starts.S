// SPDX-License-Identifier: Apache-2.0
// Where vCPUs of the benchmark guest start: each reads the counter at once, leaves what it read, and halts with interrupts off, which takes it
// down. In 64-bit and 32-bit mode that is bench_started (8 bytes); in real mode it is at the end of the code, which the starter copies below 1 MiB.

    .section .rodata.bench, "a"
    .globl bench_start16
    .globl bench_start16_stamp
    .globl bench_start16_end
    .code16
bench_start16: // at offset 0 of its code and data segments
    rdtsc
    movl %edx, bench_start16_stamp - bench_start16 + 4
    movl %eax, bench_start16_stamp - bench_start16
1:  cli
    hlt
    jmp 1b
    .balign 8
bench_start16_stamp:
    .quad 0
bench_start16_end:

    .text
    .globl bench_start32
    .code32
bench_start32:
    rdtsc
    movl %edx, bench_started + 4
    movl %eax, bench_started
1:  cli
    hlt
    jmp 1b

#ifdef __x86_64__
    .globl bench_start64
    .code64
bench_start64:
    rdtsc
    movl %edx, bench_started + 4
    movl %eax, bench_started
1:  cli
    hlt
    jmp 1b
#endif

    .section .bss
    .balign 8
    .globl bench_started
bench_started:
    .skip 8

    .section .note.GNU-stack, "", @progbits
