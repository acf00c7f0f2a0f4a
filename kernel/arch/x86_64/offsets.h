// SPDX-License-Identifier: Apache-2.0
// Numbers that assembly shares with C++: the only macros of the kernel, because the assembler knows no constexpr. Each is
// asserted in cpu_local.hpp.
#pragma once

#define KERNEL_BASE 0xffffffff80000000
#define DIRECT_MAP_BASE 0xffff800000000000

// what isa-debug-exit gets when the machine cannot run the kernel, or the kernel panics
#define FATAL_EXIT_VALUE 0x0f

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

// interrupt vectors from here on never leave the architecture's own code (vectors.hpp)
#define VECTOR_FIRST_INTERNAL 0xe2

// struct CpuLocal
#define LOCAL_SELF 0
#define LOCAL_FRAME 8
#define LOCAL_STACK 16
#define LOCAL_SCRATCH 24
#define LOCAL_GUEST_FS_BASE 32
#define LOCAL_CANARY 40

// struct UserFrame
#define FRAME_GPR 0
#define FRAME_RIP 128
#define FRAME_RFLAGS 136
#define FRAME_FS_BASE 144
#define FRAME_BY_IRET 152

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101

// user_end of abi/types.hpp
#define USER_END 0x00007ffffffff000

// struct TrapFrame (trap.hpp): bytes from its start to the CpuLocal pointer that lies above an IST stack's first push
#define TRAP_TO_IST_LOCAL 184
