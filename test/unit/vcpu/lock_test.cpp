// SPDX-License-Identifier: Apache-2.0
// The monitor's lock with real threads, and the mailbox.
// REQ-SMP-006
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "lock.hpp"
#include "mailbox.hpp"

using namespace bulkhead::vcpu;

namespace {

/// Each bell remembers that it was rung, as an event set does. Counts how often somebody slept.
struct Bells {
    struct Bell {
        std::mutex mutex;
        std::condition_variable rung;
        bool pending{false};
        int waits{0};
    };
    std::array<Bell, 32>* bell{nullptr};

    void wait(std::uint32_t self) {
        Bell& b = (*bell)[self];
        std::unique_lock lock{b.mutex};
        ++b.waits;
        b.rung.wait(lock, [&] { return b.pending; });
        b.pending = false;
    }
    void ring(std::uint32_t other) {
        Bell& b = (*bell)[other];
        const std::lock_guard lock{b.mutex};
        b.pending = true;
        b.rung.notify_one();
    }
};

} // namespace

TEST_CASE("the lock excludes, and nobody is left waiting") {
    constexpr std::uint32_t threads = 6, rounds = 2000;
    std::array<Bells::Bell, 32> bells;
    HandoverLock<Bells> lock{Bells{&bells}};
    std::uint64_t sum = 0; // not atomic: the thread sanitizer of the eye
    std::vector<std::thread> running;
    for (std::uint32_t id = 0; id < threads; ++id) {
        running.emplace_back([&, id] {
            for (std::uint32_t i = 0; i < rounds; ++i) {
                lock.acquire(id);
                const std::uint64_t seen = sum;
                if (i % 64 == 0) {
                    std::this_thread::yield();
                }
                sum = seen + 1;
                lock.release(id);
            }
        });
    }
    for (std::thread& thread : running) {
        thread.join();
    }
    CHECK(sum == threads * rounds);
    CHECK_FALSE(lock.held_by_someone());
}

TEST_CASE("the lock goes round: from the one that lets go to the next that waits") {
    std::array<Bells::Bell, 32> bells;
    HandoverLock<Bells> lock{Bells{&bells}};
    std::vector<std::uint32_t> order;
    lock.acquire(5);
    std::vector<std::thread> running;
    const std::uint32_t waiting[] = {2, 31, 7};
    for (const std::uint32_t id : waiting) {
        running.emplace_back([&, id] {
            lock.acquire(id);
            order.push_back(id);
            lock.release(id);
        });
        for (bool asleep = false; !asleep;) { // until it is in the queue
            const std::lock_guard guard{bells[id].mutex};
            asleep = bells[id].waits != 0;
        }
    }
    lock.release(5);
    for (std::thread& thread : running) {
        thread.join();
    }
    CHECK(order == std::vector<std::uint32_t>{7, 31, 2});
}

TEST_CASE("a bell that rings for nothing does not give the lock") {
    std::array<Bells::Bell, 32> bells;
    HandoverLock<Bells> lock{Bells{&bells}};
    lock.acquire(0);
    std::thread other{[&] {
        lock.acquire(1);
        lock.release(1);
    }};
    const auto waits = [&] {
        const std::lock_guard guard{bells[1].mutex};
        return bells[1].waits;
    };
    while (waits() == 0) {
    }
    Bells{&bells}.ring(1);
    while (waits() < 2) { // it looked, and went back to sleep
    }
    lock.release(0);
    other.join();
    CHECK_FALSE(lock.held_by_someone());
}

TEST_CASE("the mailbox gives every vector once, whoever posts meanwhile") {
    Mailbox mail;
    constexpr int rounds = 3000;
    std::array<std::atomic<int>, 256> posted{};
    std::array<int, 256> taken{};
    int nmis = 0;
    std::atomic<bool> done{false};
    std::thread poster{[&] {
        for (int i = 0; i < rounds; ++i) {
            const auto vector = static_cast<std::uint8_t>(16 + i % 240);
            posted[vector].store(i + 1);
            mail.post(vector);
        }
        mail.post_nmi();
        done = true;
    }};
    const auto collect = [&] {
        mail.collect([&](std::uint8_t vector) { taken[vector] = posted[vector].load(); }, [&] { ++nmis; }, [] {});
    };
    while (!done) {
        collect();
    }
    poster.join();
    collect();
    CHECK(nmis == 1);
    for (std::uint32_t vector = 16; vector < 256; ++vector) {
        CHECK(taken[vector] == posted[vector].load()); // the last post was seen
    }
    mail.post(77);
    mail.clear();
    mail.collect([](std::uint8_t) { FAIL("cleared"); }, [] {}, [] {});
}
