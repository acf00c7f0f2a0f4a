// SPDX-License-Identifier: Apache-2.0
// What the second vCPU does, in 32-bit protected mode without paging whatever the image's mode is: counts its turns, goes on spinning while it
// is to stay, and goes down by halting with interrupts off. When it is brought up again, the next turn begins.
    .text
    .code32
    .globl second_vcpu_code
second_vcpu_code:
    lock incl second_vcpu_turns
1:  pause
    cmpl $0, second_vcpu_stays
    jne 1b
    hlt
    jmp second_vcpu_code

    .bss
    .balign 4
    .globl second_vcpu_turns
second_vcpu_turns:
    .skip 4
    .globl second_vcpu_stays
second_vcpu_stays:
    .skip 4
