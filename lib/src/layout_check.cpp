// SPDX-License-Identifier: Apache-2.0
// Numbers that assembly and the linker script repeat because they cannot include C++ headers.
#include <bulkhead/abi/syscall.hpp>
#include <bulkhead/slots.hpp>

namespace bulkhead::layout {
static_assert(utcb_address.value == 0x7000'0000'2000, "crt0.S: UTCB_ADDRESS");
static_assert(thread_block_bytes == 64, "crt0.S: THREAD_BLOCK_BYTES");
static_assert(stack_top.value == 0x7000'0010'0000, "crt0.S: STACK_TOP");
} // namespace bulkhead::layout
