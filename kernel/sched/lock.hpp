// SPDX-License-Identifier: Apache-2.0
// The kernel lock: one, held for the short, bounded paths between entry and exit; never while a guest or a component
// runs. See docs/decisions/0002-one-kernel-lock.md.
#pragma once

#include "arch/arch.hpp"

namespace bulkhead::kernel {

/// First come, first served.
class KernelLock {
public:
    [[gnu::always_inline]] void acquire() {
        const std::uint32_t ticket = __atomic_fetch_add(&next_, 1, __ATOMIC_RELAXED);
        // Acquire: what the previous holder wrote is visible after it.
        if (__atomic_load_n(&serving_, __ATOMIC_ACQUIRE) != ticket) [[unlikely]] {
            wait_for(ticket);
        }
    }
    void release() { __atomic_store_n(&serving_, serving_ + 1, __ATOMIC_RELEASE); }

private:
    [[gnu::noinline]] void wait_for(std::uint32_t ticket) const {
        while (__atomic_load_n(&serving_, __ATOMIC_ACQUIRE) != ticket) {
            // The holder may be waiting for this CPU to drop its translations.
            arch::poll_shootdown();
            __builtin_ia32_pause();
        }
    }

    std::uint32_t next_{0};
    std::uint32_t serving_{0};
};

extern KernelLock kernel_lock;

class Locked {
public:
    Locked() { kernel_lock.acquire(); }
    ~Locked() { kernel_lock.release(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
};

} // namespace bulkhead::kernel
