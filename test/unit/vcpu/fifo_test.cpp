// SPDX-License-Identifier: Apache-2.0
// The queues of the FIFO ABI against a guest that takes events out of them, and against one that corrupts them.
// REQ-EVENT-003
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "fifo.hpp"
#include "fifo_guest.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using namespace bulkhead::vcpu::test;

namespace {

using Ports = std::vector<std::uint32_t>;

struct Queues {
    std::unique_ptr<Fifo> fifo = std::make_unique<Fifo>();
    std::vector<event_word_t> words = std::vector<event_word_t>(2 * Fifo::ports_per_page);
    evtchn_fifo_control_block block{};
    FifoConsumer guest{block, words.data()};

    Queues() {
        fifo->start();
        REQUIRE(fifo->add_page(words.data()));
        REQUIRE(fifo->add_page(words.data() + Fifo::ports_per_page));
        fifo->set_control_block(0, &block);
    }
    bool raise(std::uint32_t port) { return fifo->raise(port, 0); }
};

} // namespace

TEST_CASE_METHOD(Queues, "the first event of a queue is its head, the others are linked behind it", "[fifo]") {
    CHECK(raise(5));
    CHECK(block.head[EVTCHN_FIFO_PRIORITY_DEFAULT] == 5);
    CHECK(block.ready == 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    CHECK(words[5] == (fifo_pending | fifo_linked));
    CHECK_FALSE(raise(1500));
    CHECK_FALSE(raise(6));
    CHECK(words[5] == (fifo_pending | fifo_linked | 1500));
    CHECK(words[1500] == (fifo_pending | fifo_linked | 6));
    CHECK(words[6] == (fifo_pending | fifo_linked));
    CHECK_FALSE(raise(5)); // pending already
    CHECK(guest.all() == Ports{5, 1500, 6});
    CHECK(words[5] == 0);
    CHECK(words[1500] == 0);
    CHECK(raise(6)); // it was the tail: now it is a head
    CHECK(block.head[EVTCHN_FIFO_PRIORITY_DEFAULT] == 6);
    CHECK(guest.all() == Ports{6});
}

TEST_CASE_METHOD(Queues, "an event that comes while the guest is at the queue is linked or begins it anew", "[fifo]") {
    REQUIRE(raise(5));
    REQUIRE_FALSE(raise(6));
    CHECK(guest.take()->port == 5);
    CHECK_FALSE(raise(7)); // behind 6
    CHECK(guest.take()->port == 6);
    CHECK(guest.take()->port == 7);
    CHECK(raise(5)); // 7 has left
    CHECK(guest.all() == Ports{5});
}

TEST_CASE_METHOD(Queues, "priorities have a queue each", "[fifo]") {
    fifo->set_priority(5, EVTCHN_FIFO_PRIORITY_MIN);
    fifo->set_priority(6, EVTCHN_FIFO_PRIORITY_MAX);
    CHECK(raise(5));
    CHECK(raise(6));
    CHECK(raise(7));
    CHECK_FALSE(raise(8));
    CHECK(block.ready == 0x8081);
    CHECK(guest.all() == Ports{6, 7, 8, 5});
    SECTION("a linked event stays in the queue it is in") {
        REQUIRE(raise(7));
        fifo->set_priority(7, 0);
        CHECK_FALSE(raise(7));
        CHECK(guest.take()->priority == EVTCHN_FIFO_PRIORITY_DEFAULT);
        REQUIRE(raise(7));
        CHECK(guest.take()->priority == 0);
    }
    SECTION("the tail of a queue moves to another: what follows in the old one is not linked behind it") {
        REQUIRE(raise(7));
        CHECK(guest.all() == Ports{7});
        fifo->set_priority(7, 3);
        REQUIRE(raise(7));
        CHECK(raise(8));
        CHECK(words[7] == (fifo_pending | fifo_linked));
        CHECK(guest.all() == Ports{7, 8});
    }
    SECTION("a new owner of the port begins with the default") {
        fifo->reset_priority(5);
        REQUIRE(raise(5));
        CHECK(guest.take()->priority == EVTCHN_FIFO_PRIORITY_DEFAULT);
    }
}

TEST_CASE_METHOD(Queues, "masked events are pending only", "[fifo]") {
    words[5] = fifo_masked;
    CHECK_FALSE(raise(5));
    CHECK(words[5] == (fifo_masked | fifo_pending));
    CHECK(fifo->is_pending(5));
    CHECK(block.ready == 0);
    CHECK(fifo->unmask(5, 0));
    CHECK(guest.all() == Ports{5});
    CHECK_FALSE(fifo->unmask(5, 0)); // not pending
    SECTION("masked while it is in the queue: taken out, and back when it is unmasked") {
        REQUIRE(raise(5));
        words[5] |= fifo_masked;
        CHECK(guest.all().empty());
        CHECK(words[5] == (fifo_masked | fifo_pending));
        CHECK(fifo->unmask(5, 0));
        CHECK(guest.all() == Ports{5});
    }
    SECTION("a closed port's event is taken out of the queue and is none") {
        REQUIRE(raise(5));
        REQUIRE_FALSE(raise(6));
        fifo->clear_pending(5);
        CHECK(guest.all() == Ports{6});
    }
}

TEST_CASE("events that find no word or no control block wait for it", "[fifo]") {
    auto fifo = std::make_unique<Fifo>();
    std::vector<event_word_t> words(2 * Fifo::ports_per_page);
    evtchn_fifo_control_block block{};
    FifoConsumer guest{block, words.data()};
    fifo->start();
    CHECK_FALSE(fifo->raise(5, 0));
    CHECK_FALSE(fifo->raise(1030, 0));
    CHECK(fifo->is_pending(5));
    CHECK_FALSE(fifo->is_pending(6));
    CHECK_FALSE(fifo->unmask(5, 0));
    CHECK_FALSE(fifo->raise_again(5, 0));
    REQUIRE(fifo->add_page(words.data()));
    CHECK_FALSE(fifo->raise_again(5, 0)); // a word, but no block
    CHECK(words[5] == fifo_pending);
    fifo->set_control_block(0, &block);
    CHECK(fifo->raise_again(5, 0));
    CHECK_FALSE(fifo->raise_again(5, 0));
    CHECK_FALSE(fifo->raise_again(6, 0));
    CHECK_FALSE(fifo->raise_again(1030, 0));
    fifo->clear_pending(1030); // closed meanwhile
    REQUIRE(fifo->add_page(words.data() + Fifo::ports_per_page));
    CHECK_FALSE(fifo->raise_again(1030, 0));
    CHECK(guest.all() == Ports{5});
    fifo->stop();
    CHECK_FALSE(fifo->active());
    CHECK(fifo->ports_with_word() == 0);
    CHECK_FALSE(fifo->has_control_block(0));
}

TEST_CASE("the array ends where the ABI does", "[fifo]") {
    auto fifo = std::make_unique<Fifo>();
    std::vector<event_word_t> words(Fifo::ports_per_page);
    fifo->start();
    for (std::uint32_t i = 0; i < 128; ++i) {
        REQUIRE(fifo->add_page(words.data()));
    }
    CHECK(fifo->ports_with_word() == EVTCHN_FIFO_NR_CHANNELS);
    CHECK_FALSE(fifo->add_page(words.data()));
}

/// Every event arrives exactly once, and in the queue of its priority at the time it was raised.
TEST_CASE("random raising, masking and taking loses nothing", "[fifo][property]") {
    for (std::uint32_t seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        Queues q;
        std::mt19937 random{seed};
        std::set<std::uint32_t> pending, masked;
        const auto pick = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
        for (int i = 0; i < 4000; ++i) {
            const std::uint32_t port = 1 + pick(12) + (pick(2) != 0 ? 1020 : 0);
            switch (pick(8)) {
            case 0:
            case 1:
            case 2:
                (void)q.raise(port);
                pending.insert(port);
                break;
            case 3:
                q.words[port] |= fifo_masked;
                masked.insert(port);
                break;
            case 4:
                (void)q.fifo->unmask(port, 0);
                masked.erase(port);
                break;
            case 5:
                q.fifo->set_priority(port, static_cast<std::uint8_t>(pick(3)));
                break;
            default:
                if (const auto taken = q.guest.take(); taken && taken->port != 0) {
                    REQUIRE(pending.erase(taken->port) == 1);
                    REQUIRE(masked.count(taken->port) == 0);
                }
            }
        }
        for (const std::uint32_t port : masked) {
            (void)q.fifo->unmask(port, 0);
        }
        for (const std::uint32_t port : q.guest.all()) {
            REQUIRE(pending.erase(port) == 1);
        }
        REQUIRE(pending.empty());
        REQUIRE(std::all_of(q.words.begin(), q.words.end(), [](event_word_t w) { return w == 0; }));
    }
}

/// The two sides at the same time. An event that was raised after the guest had last seen its port is seen again.
TEST_CASE("a guest that takes events while others arrive misses none", "[fifo][concurrent]") {
    constexpr std::uint32_t ports = 8, rounds = 40'000;
    Queues q;
    std::atomic<std::uint32_t> raised[ports]{}, seen[ports]{};
    std::atomic<bool> done{false};
    std::thread guest{[&] {
        for (bool last = false;;) {
            const auto taken = q.guest.take();
            if (taken && taken->port != 0) {
                const std::uint32_t i = taken->port - 1;
                seen[i].store(raised[i].load());
            } else if (!taken) {
                if (last) {
                    return;
                }
                last = done.load(); // once more after the other side has finished
                std::this_thread::yield();
            }
        }
    }};
    std::mt19937 random{11};
    for (std::uint32_t i = 0; i < rounds; ++i) {
        const auto port = static_cast<std::uint32_t>(random() % ports);
        q.fifo->set_priority(port + 1, static_cast<std::uint8_t>(random() % 2));
        ++raised[port];
        (void)q.raise(port + 1);
        if (random() % 64 == 0) {
            std::this_thread::yield();
        }
    }
    done.store(true);
    guest.join();
    for (std::uint32_t i = 0; i < ports; ++i) {
        CHECK(seen[i].load() == raised[i].load());
    }
}

/// Only the guest's words and its control block are written to, whatever they hold (the address sanitizer watches).
TEST_CASE("a guest that writes anything anywhere in its queues harms nobody", "[fifo][property]") {
    std::mt19937 random{7};
    auto fifo = std::make_unique<Fifo>();
    std::vector<event_word_t> words(Fifo::ports_per_page);
    auto block = std::make_unique<evtchn_fifo_control_block>();
    fifo->start();
    REQUIRE(fifo->add_page(words.data()));
    fifo->set_control_block(0, block.get());
    for (int i = 0; i < 200'000; ++i) {
        const auto port = 1 + static_cast<std::uint32_t>(random() % (max_ports - 1));
        switch (random() % 6) {
        case 0:
            words[random() % words.size()] = static_cast<event_word_t>(random());
            break;
        case 1:
            block->head[random() % Fifo::queues] = static_cast<std::uint32_t>(random());
            block->ready = static_cast<std::uint32_t>(random());
            break;
        case 2:
            (void)fifo->unmask(port, 0);
            break;
        case 3:
            fifo->clear_pending(port);
            fifo->set_priority(port, static_cast<std::uint8_t>(random() % Fifo::queues));
            break;
        default:
            (void)fifo->raise(port % Fifo::ports_per_page, 0);
            (void)fifo->raise(port, 0);
        }
    }
    // It comes to its senses: all words and the block anew. Events arrive again.
    std::fill(words.begin(), words.end(), 0);
    *block = {};
    FifoConsumer guest{*block, words.data()};
    for (std::uint32_t port = 1; port < 100; ++port) {
        fifo->reset_priority(port);
        (void)fifo->raise(port, 0);
    }
    const Ports taken = guest.all();
    CHECK(std::set<std::uint32_t>(taken.begin(), taken.end()).size() == 99);
}

TEST_CASE_METHOD(Queues, "a BUSY bit that the guest left behind does not stay", "[fifo]") {
    REQUIRE(raise(5));
    words[5] |= fifo_busy;
    CHECK_FALSE(raise(6));
    CHECK(words[5] == (fifo_pending | fifo_linked | 6));
    CHECK(guest.all() == Ports{5, 6});
}
