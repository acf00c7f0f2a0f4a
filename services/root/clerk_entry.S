// SPDX-License-Identifier: Apache-2.0
// First instructions of root's second thread: its thread block (UTCB address from the argument in rdi, the main thread's
// canary), then root_clerk_main.
.section .bss.clerk_thread_block, "aw", @nobits
.balign 64
clerk_thread_block:
    .skip 0x30

.section .text.clerk_entry, "ax", @progbits
.global root_clerk_entry
.type root_clerk_entry, @function
root_clerk_entry:
    movq $clerk_thread_block, %rsi
    movq %rdi, (%rsi)
    movq bulkhead_thread_block + 0x28, %rax
    movq %rax, 0x28(%rsi)
    wrfsbase %rsi
    xorl %ebp, %ebp
    andq $-16, %rsp
    call root_clerk_main
    ud2
.size root_clerk_entry, . - root_clerk_entry

.section .note.GNU-stack, "", @progbits
