// SPDX-License-Identifier: Apache-2.0
// Draining an event page: every bit once, in order, none lost, whatever arrives meanwhile.
// REQ-LIB-001 REQ-IPC-002
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <bulkhead/events.hpp>

using namespace bulkhead;

namespace {
/// As the kernel does it: the word first.
void set(EventPage& page, std::uint32_t bit) {
    __atomic_fetch_or(&page.word[bit / 64], std::uint64_t{1} << (bit % 64), __ATOMIC_RELEASE);
    __atomic_fetch_or(&page.summary[bit / 4096], std::uint64_t{1} << (bit / 64 % 64), __ATOMIC_RELEASE);
}
std::vector<std::uint32_t> taken(EventPage& page) {
    std::vector<std::uint32_t> bits;
    const std::uint32_t count = drain(page, [&](std::uint32_t bit) { bits.push_back(bit); });
    CHECK(count == bits.size());
    return bits;
}
} // namespace

TEST_CASE("draining takes each bit once, lowest first", "[lib]") {
    auto page = std::make_unique<EventPage>();
    CHECK(taken(*page).empty());
    for (const std::uint32_t bit : {event_bits - 1, 0u, 63u, 64u, 4095u, 4096u, 0u}) {
        set(*page, bit);
    }
    CHECK(taken(*page) == std::vector<std::uint32_t>{0, 63, 64, 4095, 4096, event_bits - 1});
    CHECK(taken(*page).empty());
}

TEST_CASE("every single bit can be taken", "[lib]") {
    auto page = std::make_unique<EventPage>();
    for (std::uint32_t bit = 0; bit < event_bits; ++bit) {
        set(*page, bit);
        std::uint32_t seen = ~0u;
        REQUIRE(drain(*page, [&](std::uint32_t b) { seen = b; }) == 1);
        REQUIRE(seen == bit);
    }
}

TEST_CASE("a bit that is set while the page is drained is seen now or next time", "[lib]") {
    auto page = std::make_unique<EventPage>();
    set(*page, 10);
    std::uint32_t rounds = 0;
    const auto again = [&](std::uint32_t bit) {
        if (bit == 10 && rounds++ < 3) {
            set(*page, 10);   // its word has been taken: next time
            set(*page, 5000); // a later summary word: now
        }
    };
    CHECK(drain(*page, again) == 2);
    CHECK(drain(*page, again) == 2);
    CHECK(drain(*page, again) == 2);
    CHECK(drain(*page, again) == 1);
    CHECK(drain(*page, again) == 0);
}

TEST_CASE("words beyond the last and summaries without words do no harm", "[lib]") {
    auto page = std::make_unique<EventPage>();
    std::fill(std::begin(page->summary), std::end(page->summary), ~std::uint64_t{0});
    CHECK(taken(*page).empty());
}

TEST_CASE("no signal is lost between two threads", "[lib]") {
    auto page = std::make_unique<EventPage>();
    constexpr std::uint32_t bits = 200, rounds = 400;
    std::atomic<std::uint32_t> answered[bits]{};
    std::atomic<bool> done{false};
    std::thread receiver{[&] {
        while (!done) {
            if (drain(*page, [&](std::uint32_t bit) { ++answered[bit / 97]; }) == 0) {
                std::this_thread::yield();
            }
        }
    }};
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        const std::uint32_t which = round % bits;
        const std::uint32_t before = answered[which];
        set(*page, which * 97);
        while (answered[which] == before) {
            std::this_thread::yield();
        }
    }
    done = true;
    receiver.join();
    std::uint32_t total = 0;
    for (const auto& count : answered) {
        total += count;
    }
    CHECK(total == rounds);
}
