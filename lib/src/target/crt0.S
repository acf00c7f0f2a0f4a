// SPDX-License-Identifier: Apache-2.0
// The first instructions of every component: gives the thread its thread block and calls component_main(argument). The
// main thread is the one whose stack begins at STACK_TOP; another one's block lies at the top of its own stack.
// It must not know: which component it starts.

// layout::utcb_address, layout::stack_top; lib/src/layout_check.cpp asserts that the two agree.
#define UTCB_ADDRESS 0x700000002000
#define STACK_TOP 0x700000100000
#define THREAD_BLOCK_BYTES 64

.section .data.thread_block, "aw", @progbits
.balign 64
.global bulkhead_thread_block
.type bulkhead_thread_block, @object
// %fs points here. Word 0: where the thread finds its UTCB. 0x28: where the compiler looks for the stack-protector canary.
bulkhead_thread_block:
    .quad UTCB_ADDRESS
    .fill 4, 8, 0
    .quad 0
.size bulkhead_thread_block, . - bulkhead_thread_block

.section .text.entry, "ax", @progbits
.global component_entry
.type component_entry, @function
component_entry:
    movq $bulkhead_thread_block, %rsi
    movabsq $STACK_TOP, %rax
    cmpq %rax, %rsp
    je 1f
    subq $THREAD_BLOCK_BYTES, %rsp
    movq %rsp, %rsi
    leaq THREAD_BLOCK_BYTES - (STACK_TOP - UTCB_ADDRESS)(%rsp), %rax
    movq %rax, (%rsi)                   // its UTCB is as far below its stack as the main thread's
1:  wrfsbase %rsi                       // CR4.FSGSBASE is on: the kernel keeps the base per thread
    // The canary: the counter's low bits spread over the word; the lowest byte is 0, so that a string cannot write it.
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movabsq $0x9e3779b97f4a7c15, %rdx
    imulq %rdx, %rax
    movb $0, %al
    movq %rax, 0x28(%rsi)
    xorl %ebp, %ebp                     // a backtrace ends here
    andq $-16, %rsp
    call component_main
    ud2                                 // component_main has no one to return to
.size component_entry, . - component_entry

.section .note.GNU-stack, "", @progbits
