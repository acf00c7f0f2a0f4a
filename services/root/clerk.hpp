// SPDX-License-Identifier: Apache-2.0
// Root's second thread: it makes the calls that root needs of other components. A call lasts as long as the component
// that handles it likes; root itself never waits for one, so that a component that spins, or has died, cannot hold root
// up. It must not know: why root wants something.
#pragma once

#include <bulkhead/sys.hpp>

#include "line_queue.hpp"
#include "machine.hpp"
#include "memory_pool.hpp"

namespace bulkhead::root {

/// What the clerk can be asked for, besides sending lines to the console.
enum class Errand : std::uint32_t {
    print_monitors = 1u << 0, ///< services/domain prints its monitors' capabilities
    flush = 1u << 1,          ///< services/console returns when everything has been sent
};

/// What the two threads share.
struct ClerkDesk {
    LineQueue lines;
    std::atomic<std::uint32_t> wanted{0};   ///< Errands to do
    std::atomic<std::uint32_t> finished{0}; ///< Errands done since root looked
    std::atomic<std::uint32_t> progress{0}; ///< grows with everything that the clerk completes
};

/// The clerk's own half: sends, does errands, sleeps. On the target its thread runs this for ever; tests step it.
class ClerkWorker {
public:
    ClerkWorker(ClerkDesk& desk, const Machine& machine) : desk_{desk}, machine_{machine} {}
    /// One round; false if there was nothing to do.
    bool work();

private:
    void send_line(std::string_view line);
    ClerkDesk& desk_;
    const Machine& machine_;
};

/// Root's half.
class Clerk {
public:
    constexpr Clerk(ClerkDesk& desk, const Machine& machine) : desk_{desk}, machine_{machine} {}

    /// Memory that `prepare` takes from the pool.
    static std::uint64_t bytes();
    /// Makes the thread; starts it. Until then, and after `dismiss`, lines go to the serial line.
    [[nodiscard]] Status prepare(MemoryPool& pool);
    [[nodiscard]] Status hire(Tsc patience);

    /// Queues a line; without a clerk it is sent at once. A line that finds the queue full is lost and counted.
    void post(std::string_view line);
    bool has_room(std::size_t length) const { return !hired_ || desk_.lines.has_room(length); }
    /// Without a clerk an errand is over at once.
    void ask(Errand errand);
    /// True once after the errand was done, or given up.
    bool take_finished(Errand errand);

    /// When root wants to be woken to look after a clerk that has work; 0: it has none.
    Tsc deadline(Tsc now);
    /// Root was woken: a clerk that has not moved since is stuck in a call and is dismissed.
    void check(Tsc now);
    /// Stops the thread; what it had not sent goes out directly, what it was asked for counts as finished.
    void dismiss();

private:
    bool busy() const;
    void write_directly(std::string_view line) const;

    ClerkDesk& desk_;
    const Machine& machine_;
    Tsc patience_{};
    Tsc since_{};
    std::uint32_t seen_progress_{0};
    std::uint32_t outstanding_{0}; ///< Errands asked for and not reported finished
    std::uint32_t given_up_{0};
    std::uint64_t lost_{0};
    bool hired_{false};
    bool watching_{false};
};

} // namespace bulkhead::root

/// The first instruction of both of root's threads (lib/src/target/crt0.S).
extern "C" void component_entry();
