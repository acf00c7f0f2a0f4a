// SPDX-License-Identifier: Apache-2.0
// The first instructions of every thread of a component: gives it its thread block and calls component_main(argument).
// It must not know: which component it starts.

// layout::utcb_address, layout::stack_top, thread_block_bytes; lib/src/layout_check.cpp asserts that they agree.
#define UTCB_ADDRESS 0x700000002000
#define STACK_TOP 0x700000100000
#define THREAD_BLOCK_BYTES 64

.section .text.entry, "ax", @progbits
.global component_entry
.type component_entry, @function
component_entry:
    // The block, where the kernel has FS: behind the stack. Word 0: where the thread finds its UTCB, which is as far below
    // its stack as the first thread's. 0x28: where the compiler looks for the stack protector's canary.
    subq $THREAD_BLOCK_BYTES, %rsp
    leaq THREAD_BLOCK_BYTES - (STACK_TOP - UTCB_ADDRESS)(%rsp), %rax
    movq %rax, (%rsp)
    // The canary: the counter's low bits spread over the word; the lowest byte is 0, so that a string cannot write it.
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movabsq $0x9e3779b97f4a7c15, %rdx
    imulq %rdx, %rax
    movb $0, %al
    movq %rax, 0x28(%rsp)
    xorl %ebp, %ebp                     // a backtrace ends here
    andq $-16, %rsp
    call component_main
    ud2                                 // component_main has no one to return to
.size component_entry, . - component_entry

.section .note.GNU-stack, "", @progbits
