// SPDX-License-Identifier: Apache-2.0
// System-call numbers and registers. SYSCALL (APM 3, SYSCALL): rax = number; rdi, rsi, rdx, r10, r8, r9 = arguments;
// on return rax = Status, rdx = value, the other argument registers, rcx and r11 are clobbered, the rest survive.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

enum class Syscall : std::uint64_t {
    /// call(rdi = Portal selector [write], rsi = MessageInfo) -> Status, rdx = MessageInfo of the reply.
    /// Sends the message in the caller's UTCB and lends the caller's CPU time to the handler until it replies.
    /// Errors: bad_selector, bad_type, no_right, bad_argument (length), aborted (handler died, or none is bound).
    /// A capability of the message that cannot be sent fails the whole call before anything has moved.
    /// Bound: one copy of at most Utcb::data_size bytes plus 4 capability moves.
    call = 0,
    /// reply_wait(rsi = MessageInfo of the reply, r8 = deadline for the wait, 0 = none)
    /// -> Status ok, rdx = MessageInfo of the next request, Utcb::badge says who asks | signalled (the thread's bound
    /// EventSet has a bit set; the reply has been sent) | timeout. A reply when nobody waits for one goes nowhere: so
    /// does
    /// a thread's first, and the one after `signalled`. While it serves a request the thread runs on its caller's CPU
    /// time; woken by a signal it runs on its own.
    reply_wait = 1,
    /// signal(rdi = EventSet selector [write]) -> Status. Sets the bit that the badge names. Idempotent, never blocks.
    /// Bound: constant, plus one interprocessor interrupt.
    signal = 2,
    /// wait(rdi = EventSet selector [read], rsi = deadline, 0 = none) -> Status ok | timeout.
    /// Returns at once if any bit of the set's page is set. One waiter at a time (busy otherwise).
    wait = 3,
    /// vcpu_run(rdi = Vcpu selector [control], rsi = VcpuGroups changed by the caller, rdx = EventSet selector to
    /// signal
    /// first or 0, r10 = deadline, 0 = none) -> Status ok (rdx = ExitReason) | signalled | timeout | bad_argument (the
    /// state
    /// page holds a value that no CPU accepts). On signalled and timeout the state page is as fresh as on ok.
    vcpu_run = 4,
    /// invoke(rdi = selector of the object, rsi = Method, rdx, r10, r8, r9 = arguments) -> Status, rdx = value.
    invoke = 5,
    /// yield(): gives up the rest of the time slice.
    yield = 6,
    count
};

/// Length and capabilities of a message, in one register.
struct MessageInfo {
    std::uint32_t length{0}; ///< bytes of Utcb::data, 0 to Utcb::data_size
    std::uint32_t caps{0};   ///< capabilities, 0 to Utcb::max_caps

    constexpr std::uint64_t pack() const { return std::uint64_t{length} | (std::uint64_t{caps} << 32); }
    static constexpr MessageInfo unpack(std::uint64_t raw) {
        return {static_cast<std::uint32_t>(raw), static_cast<std::uint32_t>(raw >> 32)};
    }
};

/// A capability in a message.
struct CapItem {
    std::uint32_t selector; ///< sender: which one. Receiver: where it arrived.
    Rights rights;          ///< sender: the rights to give (ANDed with what it has)
    std::uint8_t move;      ///< 0: the receiver gets a derived copy [derive]; 1: the sender's slot is emptied
    std::uint16_t reserved;
};
static_assert(sizeof(CapItem) == 8);

/// A thread's FS base, for its whole life: so far below the stack pointer that it is configured with. Ring 3 has no
/// instruction to move it (CR4.FSGSBASE is 0); a selector that it loads holds until the kernel resumes another thread
/// or leaves a guest. A GS base it has none.
inline constexpr std::uint64_t thread_block_bytes = 64;

/// User thread control block: one page, shared by a thread and the kernel. The kernel reads each field once.
struct Utcb {
    static constexpr std::uint32_t max_caps = 4;
    static constexpr std::uint32_t data_size = 3968;

    std::uint64_t badge;            ///< kernel -> handler: badge of the portal capability that was called
    std::uint32_t receive_selector; ///< receiver: first slot where capabilities may be put (0: takes none)
    std::uint32_t receive_count;    ///< receiver: how many slots from there, all of them empty
    CapItem caps[max_caps];
    /// Thread: the instruction at which it goes on after an exception, with all other registers as they were then; 0:
    /// an exception stops it. The kernel clears it when it has used it.
    std::uint64_t on_fault;
    /// Kernel -> thread: ticks for which it had something to execute and CPU time of its own, but its CPU was executing
    /// for somebody else, its budget was used up, or whom it has called was held up. Grows only; what it waits at the
    /// moment is added when it goes on.
    std::uint64_t waited;
    std::uint64_t reserved[8];
    std::uint8_t data[data_size];
};
static_assert(sizeof(Utcb) == page_size);

/// The shared page of an EventSet. A signal sets bit `badge`: word badge/64 first, then the summary bit of that word.
/// The receiver clears summary bits first, then exchanges words with 0. Badges 0 to event_bits-1.
struct EventPage {
    static constexpr std::uint32_t words = 504;
    std::uint64_t summary[8];
    std::uint64_t word[words];
};
static_assert(sizeof(EventPage) == page_size);
inline constexpr std::uint32_t event_bits = EventPage::words * 64;

} // namespace bulkhead
